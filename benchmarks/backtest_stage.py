"""The files that the contenders of a comparison read: the same rows as tapes, as hftbacktest's npz and as columns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.contender import Contender
from benchmarks.maker import Maker, as_the_exchange_has_it, decision_times
from benchmarks.signal_events import Events, save, save_for_peer
from storage.tape import Sampling, TapeHeader, TapeWriter, compact_tape, rows_of

# Rows a record batch of a written tape has, as those of an import.
_BATCH_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the files of one set of events are, all in one folder, and what a book for them is told."""

    events: Events
    folder: Path

    @property
    def stream(self) -> Path:
        """The tape as a run writes it: Arrow streams."""
        return self.folder / "stream"

    @property
    def compacted(self) -> Path:
        """The same tape compacted: Parquet."""
        return self.folder / "compacted"

    def tapes(self) -> None:
        """Write both tapes."""
        for folder in (self.stream, self.compacted):
            write_tape(self.events, folder)
        compact_tape(self.compacted)

    def for_hftbacktest(self, asked: Contender, maker: Maker, *, one_clock: bool) -> dict[str, Any]:
        """Write its npz, put in order by its own functions, and return the question that loads it, with `split`.

        Raises:
            PeerFailed: it broke down.
        """
        raw, ready, times = (self.folder / name for name in ("raw.npz", "ready.npz", "times.npy"))
        save_for_peer(as_the_exchange_has_it(self.events) if one_clock else self.events, raw)
        np.save(times, decision_times(self.events.batch))
        told = asked.ask({"prepare": str(raw), "into": str(ready)})
        raw.unlink()
        low, high = self.events.price_range
        grid = {"tick": float(self.events.instrument.tick_size), "lot": float(self.events.instrument.lot_size)}
        return {"load": str(ready), "times": str(times), "low": low, "high": high, **grid, "split": told["split"]}

    def for_nautilus(self, rows: int, mode: str) -> dict[str, Any]:
        """Write the columns and return the question that loads them."""
        path = self.folder / "columns.npz"
        if not path.exists():
            save(self.events, path)
        instrument = self.events.instrument
        places = (-int(step.as_tuple().exponent) for step in (instrument.tick_size, instrument.lot_size))
        names = ("price_places", "size_places")
        grid = {"tick": float(instrument.tick_size), "lot": float(instrument.lot_size)}
        return {"load": str(path), "rows": rows, "mode": mode, **grid, **dict(zip(names, places, strict=True))}


def write_tape(events: Events, folder: Path) -> None:
    """Write events as a tape of Arrow streams."""
    header = TapeHeader(events.name, "benchmark", Sampling.EVENT, 0, (events.instrument,))
    with TapeWriter(folder, header) as writer:
        rows = rows_of([events.batch], {events.batch.symbol: 0})
        for start in range(0, len(rows), _BATCH_ROWS):
            writer.write_rows(rows.take(slice(start, start + _BATCH_ROWS)))


def question(run: str, maker: Maker, **more: Any) -> dict[str, Any]:
    """Return the question that runs the maker."""
    return {"run": run, "maker": asdict(maker), **more}
