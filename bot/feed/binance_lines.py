"""Reading recorded lines `<local time> <raw JSON>` of one Binance instrument: bad ones are counted, not fatal."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from bot.errors import UserError
from bot.feed.binance_messages import HEADS, Message, Messages, as_ns
from bot.feed.decimals import Bools, parse_decimals
from bot.types import Int64s

_GZIP_MAGIC: Final = b"\x1f\x8b"
# Lines decoded together: some ten thousand rows, so that the cost of a NumPy call vanishes.
_CHUNK_LINES: Final = 20_000
# Trades of the exchange with itself: they met no order of the book.
_NOT_TRADED: Final = frozenset({"INSURANCE_FUND", "ADL"})
_BLOCK_BYTES: Final = 1 << 20
_LARGEST_WHOLE: Final = 2**62


class LineDecoder:
    """Turns lines of one instrument into messages and counts what it refused and skipped.

    `refused` counts lines by reason, `skipped` lines that were understood and are not wanted, `backwards` lines whose
    local time was before that of an earlier line (they get the latest local time seen).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines = 0
        self.refused: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.backwards = 0
        self.clock_differences: list[Int64s] = []
        self._local_ns = 0
        self._exchange_ns = 0
        self._heads: list[tuple[Any, ...]] = []
        self._prices: list[str] = []
        self._sizes: list[str] = []

    def decode(self, lines: list[bytes]) -> Messages:
        """Decode lines in the order they were recorded."""
        self._heads, self._prices, self._sizes = [], [], []
        for line in lines:
            stamp, _, raw = line.partition(b" ")
            rows = len(self._prices)
            try:
                self._read(int(stamp), orjson.loads(raw))
            except orjson.JSONDecodeError:
                self._refuse("not JSON", rows)
            except KeyError as error:
                self._refuse(f"field {error} missing", rows)
            except (AttributeError, IndexError, TypeError, ValueError):
                self._refuse("malformed", rows)
        self.lines += len(lines)
        return self._in_time(self._with_numbers(self._columns()))

    def _read(self, local: int, line: Any) -> None:
        payload = line.get("data", line)
        event = payload.get("e")
        name = payload.get("s") or payload.get("symbol")
        if name is not None and name != self.name:
            self.refused["another symbol"] += 1
        elif event == "depthUpdate":
            ids = (payload["U"], payload["u"], payload.get("pu", 0))
            self._levels(Message.DEPTH, local, payload, ids, payload["b"], payload["a"])
        elif event in ("trade", "aggTrade"):
            self._trade(event, local, payload)
        elif event == "bookTicker" or (event is None and "B" in payload):
            self._prices += (payload["b"], payload["a"])
            self._sizes += (payload["B"], payload["A"])
            self._heads.append((Message.BEST, local, payload.get("T", 0), 0, payload["u"], 0, 1, 1))
        elif event is None and "lastUpdateId" in payload:
            ids = (0, payload["lastUpdateId"], 0)
            self._levels(Message.SNAPSHOT, local, payload, ids, payload["bids"], payload["asks"])
        else:
            self.skipped[str(event)] += 1

    def _levels(self, kind: Message, local: int, payload: Any, ids: tuple[Any, ...], bids: Any, asks: Any) -> None:
        self._prices += [level[0] for level in bids]
        self._prices += [level[0] for level in asks]
        self._sizes += [level[1] for level in bids]
        self._sizes += [level[1] for level in asks]
        stamp = payload.get("T") or payload.get("E", 0)
        self._heads.append((kind, local, stamp, *ids, len(bids), len(asks)))

    def _trade(self, event: str, local: int, payload: Any) -> None:
        if payload.get("X") in _NOT_TRADED:
            self.skipped[str(payload["X"])] += 1
            return
        kind, id_field = (Message.TRADE, "t") if event == "trade" else (Message.AGG_TRADE, "a")
        sold = payload["m"]
        if not isinstance(sold, bool):
            raise TypeError
        self._prices.append(payload["p"])
        self._sizes.append(payload["q"])
        self._heads.append((kind, local, payload.get("T") or payload["E"], 0, payload[id_field], 0, not sold, sold))

    def _refuse(self, reason: str, rows: int) -> None:
        self.refused[reason] += 1
        # What the line left behind before it turned out to be bad.
        del self._prices[rows:], self._sizes[rows:]

    def _columns(self) -> Messages:
        table, good = _whole_numbers(self._heads)
        heads: dict[str, Any] = {
            name: np.ascontiguousarray(column) for name, column in zip(HEADS, table.T, strict=True)
        }
        heads["local_ns"], heads["exchange_ns"] = as_ns(heads["local_ns"]), as_ns(heads["exchange_ns"])
        messages = Messages(**heads, prices=parse_decimals(self._prices), sizes=parse_decimals(self._sizes))
        self.refused["malformed"] += int((~good).sum())
        return messages.keep(good)

    def _with_numbers(self, messages: Messages) -> Messages:
        kinds = np.repeat(messages.kind, messages.row_counts)
        bad = ~messages.prices.valid | ~messages.sizes.valid | (messages.prices.digits == 0)
        bad |= (messages.sizes.digits == 0) & (kinds >= Message.BEST)
        good = messages.without_rows(bad)
        if not good.all():
            self.refused["price or size not a number above zero"] += int((~good).sum())
        return messages.keep(good)

    def _in_time(self, messages: Messages) -> Messages:
        if not len(messages):
            return messages
        latest = np.maximum.accumulate(np.maximum(messages.local_ns, self._local_ns))
        self.backwards += int((latest > messages.local_ns).sum())
        stamped = messages.exchange_ns > 0
        # One in sixteen is plenty for a median.
        self.clock_differences.append((messages.local_ns - messages.exchange_ns)[stamped][::16])
        newest = np.maximum.accumulate(np.maximum(messages.exchange_ns, self._exchange_ns))
        self._local_ns, self._exchange_ns = int(latest[-1]), int(newest[-1])
        exchange_ns = np.where(stamped, messages.exchange_ns, newest)
        return replace(messages, local_ns=latest, exchange_ns=exchange_ns)


def read_chunks(
    path: Path, warnings: list[str], told: Callable[[int], None], chunk_lines: int = _CHUNK_LINES
) -> Iterator[list[bytes]]:
    """Read a file's lines, plain or gzip, in chunks; `told` hears how many bytes of the file were read so far.

    Empty lines are left out.

    A gzip stream that is cut or broken is read up to there, and `warnings` gets a line about it.

    Raises:
        UserError: the file cannot be opened.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UserError(f"{path} should be a readable file, but {error.strerror}: check the path") from None
    with raw:
        stream = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP_MAGIC else raw
        lines: list[bytes] = []
        rest = b""
        try:
            while block := stream.read1(_BLOCK_BYTES):
                *whole, rest = (rest + block).split(b"\n")
                lines += whole
                if len(lines) >= chunk_lines:
                    yield [line for line in lines if line]
                    told(raw.tell())
                    lines = []
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            warnings.append(f"{path.name} is cut or broken, read up to there: {error}")
        yield [line for line in (*lines, rest) if line]
        told(path.stat().st_size)


def first_message(path: Path) -> tuple[str, int] | None:
    """Find the name of the first instrument in a file, and the local time (ns) of its first readable line."""
    first_ns = 0
    for lines in read_chunks(path, [], lambda done: None, chunk_lines=1):
        for line in lines:
            stamp, _, raw = line.partition(b" ")
            try:
                payload = orjson.loads(raw)
                payload = payload.get("data", payload)
                first_ns = first_ns or int(as_ns(np.array([int(stamp)], np.int64))[0])
                name = payload.get("s") or payload.get("symbol")
            except (AttributeError, OverflowError, ValueError):
                continue
            if isinstance(name, str):
                return name, first_ns
    return None


def _whole_numbers(heads: list[tuple[Any, ...]]) -> tuple[Int64s, Bools]:
    # Heads that hold anything but whole numbers >= 0 become zeros, with their row counts, and False in the mask.
    try:
        table = np.array(heads or np.empty((0, len(HEADS)), np.int64))
    except ValueError:  # a list stands where a number should
        table = np.array(heads, object)
    if table.dtype == np.int64 and int(table.min(initial=0)) >= 0:
        return table, np.ones(len(heads), np.bool_)
    good = [all(isinstance(value, int) and 0 <= value < _LARGEST_WHOLE for value in head) for head in heads]
    mended = [head if fine else (0, 0, 0, 0, 0, 0, *head[-2:]) for head, fine in zip(heads, good, strict=True)]
    return np.array(mended, np.int64), np.array(good, np.bool_)
