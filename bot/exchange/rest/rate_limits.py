"""How much an address may ask and how many orders an account may send, in the exchange's own windows and headers.

Windows are those of the calendar: a minute begins at its full minute. Time is an argument, so a test needs not wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.exchange.refusal import Code, Refusal

ORDER_LIMITS: Final[Mapping[str, tuple[int, int]]] = {"10S": (10_000, 300), "1M": (60_000, 1_200)}
_MINUTE_MS: Final = 60_000
_WARNINGS: Final = 10  # answers with 429 within a minute before an address is banned; the real number is not published
_LONGEST_BAN_S: Final = 3 * 86_400.0
_DEPTH_WEIGHTS: Final = ((50, 2), (100, 5), (500, 10))
_DEEPEST_WEIGHT: Final = 20
_WITHOUT_SYMBOL: Final = {
    ("GET", "/fapi/v1/openOrders"): 40,
    ("GET", "/fapi/v1/premiumIndex"): 10,
    ("GET", "/fapi/v1/ticker/bookTicker"): 5,
}


_ORDERS: Final = {
    ("POST", "/fapi/v1/order"): 1,
    ("PUT", "/fapi/v1/order"): 1,
    ("POST", "/fapi/v1/batchOrders"): 5,
    ("PUT", "/fapi/v1/batchOrders"): 5,
}


class TooMuch(Refusal):
    """A refusal for asking too much; `retry_after_s` is for the header of that name, None leaves it out."""

    def __init__(self, code: Code, words: str, status: int, retry_after_s: int | None) -> None:
        super().__init__(code, words)
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class _Window:
    """A count that starts anew when its window of the calendar does."""

    length_ms: int
    number: int = -1
    count: int = 0

    def add(self, amount: int, now_ms: int) -> int:
        number = now_ms // self.length_ms
        if number != self.number:
            self.number, self.count = number, 0
        self.count += amount
        return self.count


@dataclass(slots=True)
class _Caller:
    """What is known of one address: weight and refusals of this minute, and its bans."""

    weight: _Window = field(default_factory=lambda: _Window(_MINUTE_MS))
    refused: _Window = field(default_factory=lambda: _Window(_MINUTE_MS))
    bans: int = 0
    banned_until_ms: int = 0


class RateLimits:
    """Counts weights and orders. Each address has `weight_limit` a minute; at 0 all is counted and nothing refused.

    An address that goes on after its 429s is banned: for `ban_s` the first time, twice that the next, up to three days.
    """

    def __init__(self, weight_limit: int = 0, ban_s: float = 120.0) -> None:
        self._weight_limit = weight_limit
        self._ban_s = ban_s
        self._callers: dict[str, _Caller] = {}
        self._orders: dict[int, dict[str, _Window]] = {}

    def admit(self, address: str, weight: int, now_ms: int) -> None:
        """Count a request of an address.

        Raises:
            TooMuch: 429, the minute's weight is used up; or 418, the address is banned.
        """
        caller = self._callers.setdefault(address, _Caller())
        used = caller.weight.add(weight, now_ms)
        if not self._weight_limit:
            return
        if now_ms < caller.banned_until_ms:
            raise _banned(caller, now_ms)
        if used <= self._weight_limit:
            return
        if caller.refused.add(1, now_ms) > _WARNINGS:
            ban_s = min(self._ban_s * 2**caller.bans, _LONGEST_BAN_S)
            caller.bans += 1
            caller.banned_until_ms = now_ms + int(ban_s * 1_000)
            raise _banned(caller, now_ms)
        words = (
            f"Too many requests; current limit of IP({address}) is {self._weight_limit} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API."
        )
        raise TooMuch(Code.TOO_MANY_REQUESTS, words, 429, _seconds(_MINUTE_MS - now_ms % _MINUTE_MS))

    def order(self, owner: int, number: int, now_ms: int) -> None:
        """Count so many orders of an account.

        Raises:
            TooMuch: 429, the account sent too many in one of the windows.
        """
        windows = self._orders.setdefault(owner, {name: _Window(length) for name, (length, _) in ORDER_LIMITS.items()})
        counts = {name: window.add(number, now_ms) for name, window in windows.items()}
        for name, (length_ms, most) in ORDER_LIMITS.items():
            if self._weight_limit and counts[name] > most:
                words = f"Too many new orders; current limit is {most} orders per {length_ms // 1_000} SECOND."
                raise TooMuch(Code.TOO_MANY_ORDERS, words, 429, None)

    def used(self, address: str, now_ms: int) -> int:
        """Weight that an address has used in this minute."""
        caller = self._callers.get(address)
        return caller.weight.add(0, now_ms) if caller is not None else 0

    def orders(self, owner: int, now_ms: int) -> dict[str, int]:
        """Orders that an account has sent, by window (`10S`, `1M`)."""
        return {name: window.add(0, now_ms) for name, window in self._orders.get(owner, {}).items()}

    def told(self) -> list[dict[str, Any]]:
        """What exchangeInfo says of limits: those that are enforced, so none while nothing is refused."""
        if not self._weight_limit:
            return []
        weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
        rows: list[dict[str, Any]] = [{**weight, "limit": self._weight_limit}]
        for length_ms, most in ORDER_LIMITS.values():
            interval, unit_ms = ("SECOND", 1_000) if length_ms < _MINUTE_MS else ("MINUTE", _MINUTE_MS)
            number = length_ms // unit_ms
            rows.append({"rateLimitType": "ORDERS", "interval": interval, "intervalNum": number, "limit": most})
        return rows


def weight_of(method: str, path: str, standard: int, parameters: Mapping[str, str]) -> int:
    """Weight of a request: `standard`, unless it depends on what is asked for."""
    if path == "/fapi/v1/depth":
        asked = parameters.get("limit", "500")
        limit = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else 500
        return next((weight for most, weight in _DEPTH_WEIGHTS if limit <= most), _DEEPEST_WEIGHT)
    if not parameters.get("symbol"):
        return _WITHOUT_SYMBOL.get((method, path), standard)
    return standard


def orders_of(method: str, path: str) -> int:
    """How many orders a request counts as; a batch is five, however many are in it."""
    return _ORDERS.get((method, path), 0)


def _banned(caller: _Caller, now_ms: int) -> TooMuch:
    words = (
        f"Way too many requests; IP banned until {caller.banned_until_ms}. "
        "Please use the websocket for live updates to avoid bans."
    )
    return TooMuch(Code.TOO_MANY_REQUESTS, words, 418, _seconds(caller.banned_until_ms - now_ms))


def _seconds(ms: int) -> int:
    """Whole seconds, rounded up: whoever waits so long has waited long enough."""
    return max(1, -(-ms // 1_000))
