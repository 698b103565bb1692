"""Find the instrument that was in force when something happened, since its grid may change within a run."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection, select

from bot.types import Fill, Instrument
from storage.rows import record_of
from storage.schema import instruments

_ONE = Decimal(1)


class Grids:
    """The instruments of all runs that a connection sees."""

    def __init__(self, connection: Connection) -> None:
        self._known: dict[tuple[int, str], list[tuple[int, Instrument]]] = {}
        for row in connection.execute(select(instruments).order_by(instruments.c.epoch.desc())).mappings():
            known = self._known.setdefault((row["run_id"], row["symbol"]), [])
            known.append((row["local_ns"], record_of(Instrument, row)))

    def at(self, run: int, symbol: str, local_ns: int) -> Instrument | None:
        """Return the newest instrument that was known at `local_ns`; None when the run names none."""
        for since_ns, instrument in self._known.get((run, symbol), ()):
            if since_ns <= local_ns:
                return instrument
        return None

    def contract_size(self, run: int, fill: Fill) -> Decimal:
        """Return the contract size that a fill was made with; 1 when the run names no instrument."""
        instrument = self.at(run, fill.symbol, fill.local_ns)
        return instrument.contract_size if instrument is not None else _ONE
