"""Market events to measure on, five million rows of each kind: a made-up market and recorded ones, repeated.

Every set is told in depth rows and trades alone, which all programs that are compared understand; a recorded one also
comes with its best quotes merged in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from bot.feed.binance import Market, Stream, import_binance
from bot.types import NS_PER_MS, NS_PER_S, Batch, Instrument, InstrumentKind, Int64s, Kind, UInt8s
from storage.tape import Tape

RECORDED: Final = Path(__file__).parents[1] / "../shared/data/binance-streams/usdm"
SYMBOL: Final = "BTC/USDT:USDT"
EVERY_NS: Final = 100 * NS_PER_MS

_GRID: Final = Instrument(SYMBOL, InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
_SESSIONS: Final = (("April 2023", "btcusdt_202304*.gz"), ("July 2024", "btcusdt_202407*.gz"))
_MESSAGE_ROWS: Final = 5
_APART_NS: Final = 10 * NS_PER_S  # between repetitions: longer than any message took to arrive
_REACH: Final = 0.05  # of the price, each way: what a book indexed by price is asked to hold

# What hftbacktest's format calls the kinds of rows. Its own code says which of its clocks are to see a row.
_BUYING: Final = 1 << 29
_SELLING: Final = 1 << 28
_PEER_CODES: Final = {
    Kind.BID: 1 | _BUYING,
    Kind.ASK: 1 | _SELLING,
    Kind.BUY: 2 | _BUYING,
    Kind.SELL: 2 | _SELLING,
    Kind.CLEAR: 3,
}
_PEER_ROW: Final = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class Events:
    """One instrument's events in one batch. `has_quotes` tells whether best quotes are among them."""

    name: str
    instrument: Instrument
    batch: Batch
    has_quotes: bool

    @property
    def times_ns(self) -> Int64s:
        """Decision times every 100 ms over the whole span, shape (m,), the last one not before the last row."""
        first, last = int(self.batch.local_ns[0]), int(self.batch.local_ns[-1])
        return np.arange(first + EVERY_NS, last + EVERY_NS, EVERY_NS)

    @property
    def column_bytes(self) -> int:
        """Memory of the columns, in bytes."""
        return sum(column.nbytes for column in _columns(self.batch).values())

    @property
    def price_range(self) -> tuple[float, float]:
        """Prices that 5 % below the lowest and above the highest trade are, in quote currency."""
        traded = self.batch.price[self.batch.kind >= Kind.BUY]
        traded = traded[traded > 0]
        tick = float(self.instrument.tick_size)
        return float(traded.min()) * tick * (1 - _REACH), float(traded.max()) * tick * (1 + _REACH)


def synthetic(rows: int, seed: int = 7) -> Events:
    """Make a market that wanders by a tick every third message: four depth rows to one trade, a message every 10 ms.

    `rows` is rounded down to whole messages of five.
    """
    random = np.random.default_rng(seed)
    count = rows // _MESSAGE_ROWS
    step = random.choice([-1, 0, 0, 0, 0, 1], count)
    mid = 600_000 + np.cumsum(step)
    away = random.integers(2, 20, (2, count))
    bought = random.random(count) < 0.5
    # A best level that the mid has reached goes before the new touch is told: the book never crosses.
    bid, ask = np.where(step < 0, mid, mid - away[0]), np.where(step > 0, mid, mid + away[1])
    size = random.integers(1, 50, (count, _MESSAGE_ROWS))
    size[:, 0][step < 0] = 0
    size[:, 1][step > 0] = 0
    stamps = np.repeat(1_700_000_000 * NS_PER_S + np.arange(count) * 10 * NS_PER_MS, _MESSAGE_ROWS)
    kinds = np.tile(np.array([Kind.BID, Kind.ASK, Kind.BID, Kind.ASK, Kind.BUY], np.uint8), (count, 1))
    kinds[~bought, 4] = Kind.SELL
    batch = Batch(
        SYMBOL,
        seq=np.arange(len(stamps)),
        exchange_ns=stamps,
        local_ns=stamps + NS_PER_MS,
        id=np.repeat(np.arange(1, count + 1), _MESSAGE_ROWS),
        price=np.column_stack((bid, ask, mid - 1, mid + 1, np.where(bought, mid + 1, mid - 1))).ravel(),
        size=size.ravel(),
        kind=kinds.ravel(),
        last=np.tile(np.array([0, 0, 0, 0, 1], np.uint8), count),
    )
    return Events("synthetic", _GRID, batch, False)


def recorded(rows: int, *, with_quotes: bool) -> Iterator[Events]:
    """Read the recorded BTCUSDT sessions, each repeated until it has `rows` rows or more; none when they are absent."""
    streams = frozenset(Stream) if with_quotes else frozenset({Stream.DEPTH, Stream.TRADE})
    for name, pattern in _SESSIONS:
        files = sorted(RECORDED.glob(pattern))
        if files:
            with tempfile.TemporaryDirectory() as folder:
                report = import_binance(files, Market.USDM, streams, Path(folder) / "tape")
                batch = _joined(list(Tape.open(Path(folder) / "tape").batches()))
            yield Events(name, report.symbols[0].instrument, _repeated(_in_step(batch), rows), with_quotes)


def save(events: Events, path: Path) -> None:
    """Write the columns to an uncompressed .npz, for a process of its own to read."""
    np.savez(path, allow_pickle=False, **_columns(events.batch))


def load(path: Path) -> Batch:
    """Read what `save` wrote. Each column is read in place: no second copy of it is ever in memory."""
    with np.load(path) as columns:
        return Batch(SYMBOL, **{name: columns[name] for name in columns.files})


def save_for_peer(events: Events, path: Path) -> None:
    """Write the rows in hftbacktest's own format.

    Raises:
        ValueError: there are best quotes among the rows, which its backtest does not apply.
    """
    if events.has_quotes:
        raise ValueError("rows for hftbacktest should be depth and trades, were with best quotes")
    batch = events.batch
    codes = np.zeros(max(Kind) + 1, np.uint64)
    for kind, code in _PEER_CODES.items():
        codes[kind] = code
    rows = np.zeros(len(batch), _PEER_ROW)
    rows["ev"] = codes[batch.kind]
    rows["exch_ts"], rows["local_ts"] = batch.exchange_ns, batch.local_ns
    rows["px"] = batch.price * float(events.instrument.tick_size)
    rows["qty"] = batch.size * float(events.instrument.lot_size)
    np.savez(path, data=rows)


def _columns(batch: Batch) -> dict[str, Int64s | UInt8s]:
    return {field.name: getattr(batch, field.name) for field in fields(batch) if field.name != "symbol"}


def _joined(batches: Sequence[Batch]) -> Batch:
    whole: dict[str, Any] = {
        name: np.concatenate([_columns(batch)[name] for batch in batches]) for name in _columns(batches[0])
    }
    return Batch(SYMBOL, **whole)


def _in_step(batch: Batch) -> Batch:
    """Shift the local clock so that every message arrives after it was sent: a recorder's clock may run behind."""
    behind = int(np.max(batch.exchange_ns - batch.local_ns))
    return replace(batch, local_ns=batch.local_ns + max(0, behind + NS_PER_MS))


def _repeated(batch: Batch, rows: int) -> Batch:
    """Repeat a session in time; each time its CLEAR and the levels after it start the book anew."""
    times = max(1, -(-rows // len(batch)))
    newest = max(int(batch.local_ns[-1]), int(batch.exchange_ns.max()))
    span = newest - int(batch.exchange_ns.min()) + _APART_NS
    ids = int(batch.id.max())
    turn = np.repeat(np.arange(times), len(batch))
    whole = _joined([batch] * times)
    return replace(
        whole,
        seq=np.arange(len(turn)),
        exchange_ns=whole.exchange_ns + turn * span,
        local_ns=whole.local_ns + turn * span,
        # Trades and updates count apart; each goes on rising.
        id=np.where(whole.id > 0, whole.id + turn * ids, 0),
    )
