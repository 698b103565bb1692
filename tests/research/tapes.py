"""Small tapes written by hand, of the rows of the slow reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np

from bot.types import Fact, FeedReport, Instrument, InstrumentKind
from storage.tape import Sampling, Tape, TapeHeader, TapeWriter
from tests.market.reference import SYMBOL, Row, batch_of

GRID = Instrument(SYMBOL, InstrumentKind.SPOT, "X", "Y", Decimal("0.5"), Decimal("0.25"))


def tape_of(
    folder: Path,
    rows: Sequence[Row],
    facts: Sequence[Fact | FeedReport] = (),
    *,
    cuts: Sequence[int] = (),
    instruments: Sequence[Instrument] = (GRID,),
    symbol: str = SYMBOL,
) -> Tape:
    """Write rows with `seq` 0, 2, 4, ... as a tape; record batches end at `cuts`, facts have their own `seq`."""
    header = TapeHeader("by hand", "test", Sampling.EVENT, 0, tuple(instruments))
    batch = batch_of(rows, symbol)
    bounds = [0, *cuts, len(rows)]
    with TapeWriter(folder, header) as writer:
        for start, stop in pairwise(bounds):
            if start < stop:
                part = {name: getattr(batch, name)[start:stop] for name in _COLUMNS}
                writer.write([replace(batch, seq=2 * np.arange(start, stop), **part)])
        for fact in facts:
            writer.write_fact(fact)
    return Tape.open(folder)


_COLUMNS = ("exchange_ns", "local_ns", "id", "price", "size", "kind", "last")
