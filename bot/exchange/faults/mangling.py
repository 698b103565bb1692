"""Faults in the content of an answer: it stays valid JSON and says what no exchange should say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from bot.exchange.faults.plan import Armed
from bot.exchange.refusal import Code, Refusal
from bot.exchange.rest.call import Asked, Told

_PRICES: Final = ("p", "price", "avgPrice", "markPrice", "bidPrice", "askPrice", "entryPrice")
_SIZES: Final = ("q", "qty", "origQty", "executedQty", "positionAmt", "bidQty", "askQty", "walletBalance")
_SOMEBODY_ELSE: Final = 7_000_000  # far from the ids of a market that was started for a test
_ORDERS: Final = ("/fapi/v1/order", "/fapi/v1/openOrder", "/fapi/v1/openOrders", "/fapi/v1/allOrders")


def mangle(armed: Armed, asked: Asked, told: Told, now_ms: int) -> Told | None:
    """The answer as the fault changes it; None when it has nothing to change there, or is no fault of content."""
    change = _CHANGES.get(armed.fault.name)
    if change is None or told.status != 200:
        return None
    words = orjson.loads(orjson.dumps(told.words))
    return change(armed, asked, words, now_ms)


def _nan(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    return _put(words, armed.text("field"), lambda number: "NaN")


def _negative(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    return _put(words, armed.text("field"), lambda number: number if not _is_positive(number) else f"-{number}")


def _zero_price(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    return _put(words, "price", lambda number: "0")


def _put(words: Any, field: str, change: Callable[[str], str]) -> Told | None:
    """Change the numbers at the touch of a book, or in the one row there is, or in the newest of several."""
    before = orjson.dumps(words)
    if _is_book(words):
        for levels in (words["bids"], words["asks"]):
            if levels:
                place = 0 if field == "price" else 1
                levels[0][place] = change(levels[0][place])
    row = _row(words)
    for name in _PRICES if field == "price" else _SIZES:
        if name in row:
            row[name] = change(str(row[name]))
    return Told(200, words) if orjson.dumps(words) != before else None


def _row(words: Any) -> dict[str, Any]:
    """The row that speaks of one thing: the newest of a list, an account's asset, or the answer itself."""
    if isinstance(words, dict) and words.get("assets"):
        words = words["assets"]
    if isinstance(words, list):
        words = words[-1] if words else {}
    return words if isinstance(words, dict) else {}


def _is_positive(number: str) -> bool:
    return not number.startswith("-") and any(digit in "123456789" for digit in number)


def _is_book(words: Any) -> bool:
    return isinstance(words, dict) and "bids" in words and "asks" in words


def _crossed(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    if _is_book(words) and words["bids"] and words["asks"]:
        bid, ask = words["bids"][0], words["asks"][0]
        bid[0], ask[0] = ask[0], bid[0]
        return Told(200, words)
    quote = _row(words)
    if "bidPrice" in quote:
        quote["bidPrice"], quote["askPrice"] = quote["askPrice"], quote["bidPrice"]
        return Told(200, words)
    return None


def _one_sided(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    side = armed.text("side")
    if _is_book(words) and words[side]:
        words[side] = []
        return Told(200, words)
    quote = _row(words)
    name = side.removesuffix("s")
    if f"{name}Price" in quote:
        quote[f"{name}Price"] = quote[f"{name}Qty"] = "0"
        return Told(200, words)
    return None


def _lists(words: Any) -> list[list[Any]]:
    """The lists of rows in an answer, without empty ones."""
    lists = [words["bids"], words["asks"]] if _is_book(words) else [words]
    return [rows for rows in lists if isinstance(rows, list) and rows]


def _duplicate_rows(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    lists = _lists(words)
    for rows in lists:
        for place in sorted(_places(armed, rows), reverse=True):
            rows.insert(place, rows[place])
    return Told(200, words) if lists else None


def _dropped_rows(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    lists = _lists(words)
    for rows in lists:
        for place in sorted(_places(armed, rows), reverse=True):
            del rows[place]
    return Told(200, words) if lists else None


def _places(armed: Armed, rows: list[Any]) -> list[int]:
    return armed.random.sample(range(len(rows)), min(armed.whole("rows"), len(rows)))


def _shuffled_rows(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    lists = [rows for rows in _lists(words) if len(rows) > 1]
    for rows in lists:
        before = list(rows)
        armed.random.shuffle(rows)
        if rows == before:
            rows.reverse()
    return Told(200, words) if lists else None


def _clock_skew(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    if isinstance(words, dict) and "serverTime" in words:
        words["serverTime"] += armed.whole("skew_ms")
    return Told(200, words)


def _hidden_order(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    if asked.method != "GET" or asked.path not in _ORDERS:
        return None
    young_ms = now_ms - armed.whole("hide_ms")
    if isinstance(words, list):
        shown = [row for row in words if row["time"] <= young_ms]
        return Told(200, shown) if len(shown) < len(words) else None
    if words["time"] <= young_ms:
        return None
    missing = Refusal(Code.NO_SUCH_ORDER)
    return Told(missing.status, {"code": int(missing.code), "msg": missing.words})


def _foreign_order(armed: Armed, asked: Asked, words: Any, now_ms: int) -> Told | None:
    row = _row(words)
    if "orderId" not in row:
        return None
    row["orderId"] += _SOMEBODY_ELSE
    if "clientOrderId" in row:
        row["clientOrderId"] = f"somebody-else-{row['orderId']}"
    return Told(200, words)


_CHANGES: Final[Mapping[str, Callable[[Armed, Asked, Any, int], Told | None]]] = MappingProxyType(
    {
        "nan": _nan,
        "negative": _negative,
        "zero-price": _zero_price,
        "crossed": _crossed,
        "one-sided": _one_sided,
        "duplicate-rows": _duplicate_rows,
        "shuffled-rows": _shuffled_rows,
        "dropped-rows": _dropped_rows,
        "clock-skew": _clock_skew,
        "hidden-order": _hidden_order,
        "foreign-order": _foreign_order,
    }
)
OF_CONTENT: Final = frozenset(_CHANGES)
