"""The round trips that recordings tell of: what `paper.latency = "measured"` needs of them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.config import Config
from bot.errors import UserError
from bot.trading.round_trip import round_trip_ns
from bot.types import Fact
from storage.tape import Tape


def check_round_trips(config: Config, tapes: Sequence[Tape]) -> None:
    """Refuse recordings without round trips where orders are to take as long as those.

    Raises:
        UserError: a tape tells none of an instrument.
    """
    if not config.paper.measures:
        return
    for tape in tapes:
        told = {fact.symbol for fact in tape.facts() if isinstance(fact, Fact) and round_trip_ns(fact)}
        missing = [symbol for symbol in tape.symbols if symbol not in told]
        if missing:
            raise UserError(
                f'tape {tape.folder} should hold measured round trips for paper.latency = "measured", holds none of '
                f"{missing[0]}: say how long orders take, such as --set paper.latency=50ms"
            )


def round_trips_ns(tapes: Sequence[Tape]) -> tuple[int, ...]:
    """Return what the tapes tell of the first instrument, in their order; all of an exchange are told the same."""
    facts = (fact for tape in tapes for fact in tape.facts(tape.symbols[:1]) if isinstance(fact, Fact))
    return tuple(took_ns for fact in facts if (took_ns := round_trip_ns(fact)))
