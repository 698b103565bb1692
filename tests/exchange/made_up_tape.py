"""A made-up tape to replay: half a minute of a book whose levels change, with trades in between."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from bot.types import NS_PER_MS, NS_PER_S, Batch, Fact, Instrument, InstrumentKind, Kind
from storage.tape import Sampling, TapeHeader, TapeWriter

SYMBOL: Final = "BTC/USDT:USDT"
_START_NS: Final = 1_700_000_000 * NS_PER_S


def write_tape(folder: Path, facts: Mapping[str, Decimal] = MappingProxyType({})) -> None:
    """Write it, with facts at its beginning; it is the same every time."""
    btc = Instrument(SYMBOL, InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
    rng, seq = random.Random(3), 0
    first = [(0, 1, 0, 0, Kind.CLEAR)]
    first += [(0, 1, 600_000 - k, 5_000, Kind.BID) for k in range(20)]
    first += [(0, 1, 600_002 + k, 5_000, Kind.ASK) for k in range(20)]
    messages = [first]
    for number in range(2, 400):
        away, is_bid = rng.randrange(20), rng.random() < 0.5
        price, kind = (600_000 - away, Kind.BID) if is_bid else (600_002 + away, Kind.ASK)
        if rng.random() < 0.3:
            price, kind = (600_000, Kind.SELL) if is_bid else (600_002, Kind.BUY)
        messages.append([(75 * number, number, price, rng.randrange(10, 9_000), kind)])
    with TapeWriter(folder, TapeHeader("half a minute", "by hand", Sampling.EVENT, _START_NS, (btc,))) as out:
        for message in messages:
            out.write([_batch(message, seq)])
            seq += len(message)
            if message is first:
                for name, value in facts.items():
                    out.write_fact(Fact(seq, _START_NS, SYMBOL, name, value))
                    seq += 1


def _batch(message: list[tuple[int, int, int, int, Kind]], seq: int) -> Batch:
    columns = np.array(message, np.int64)
    stamps = _START_NS + columns[:, 0] * NS_PER_MS
    last = np.zeros(len(message), np.uint8)
    last[-1] = 1
    return Batch(
        symbol=SYMBOL,
        seq=np.arange(seq, seq + len(message)),
        exchange_ns=stamps,
        local_ns=stamps,
        id=columns[:, 1].copy(),
        price=columns[:, 2].copy(),
        size=columns[:, 3].copy(),
        kind=columns[:, 4].astype(np.uint8),
        last=last,
    )
