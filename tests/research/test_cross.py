"""Tables with signals of other instruments: each is what its own table says at that time, by the local clock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.errors import ConfigError
from bot.market.signals.cross import STALE_NS
from bot.market.signals.forecast import ForecastSpec
from bot.research.clocks import Clock, Events
from bot.research.consolidated import Source, consolidated_table
from bot.research.table import signal_table, signal_tables
from bot.types import NS_PER_S, InstrumentKind, Kind
from storage.tape import Tape
from tests.market.reference import SYMBOL, Row
from tests.research.tapes import GRID, tape_of

OTHER = "B/Y"
OTHER_GRID = replace(GRID, symbol=OTHER, base="B")
NAMES = ("mid", f"ofi(2s)@{OTHER}", f"mid@{OTHER}", f"mid_move(1s)@{OTHER}")
ASKED = ("ofi(2s)", "mid", "mid_move(1s)")


def quotes(seconds: float, bid: int, lots: int) -> list[Row]:
    """One message that sets the touch, two ticks wide."""
    now_ns = int(seconds * NS_PER_S)
    return [
        Row(Kind.BEST_BID, bid, lots, local_ns=now_ns, last=False, exchange_ns=now_ns),
        Row(Kind.BEST_ASK, bid + 2, 3, local_ns=now_ns, exchange_ns=now_ns),
    ]


def wander(seed: int, first_s: float, last_s: float) -> list[Row]:
    """Quotes at odd times."""
    random = np.random.default_rng(seed)
    times = np.sort(random.uniform(first_s, last_s, 200)).tolist()
    return [row for now in times for row in quotes(now, int(random.integers(100, 110)), int(random.integers(1, 9)))]


def both(folder: Path, *, until_s: float = 40.0) -> tuple[Tape, Tape]:
    """A tape of each instrument; the other's ends after `until_s`."""
    other = tape_of(folder / "other", wander(2, 3.3, until_s), instruments=[OTHER_GRID], symbol=OTHER)
    return tape_of(folder / "own", wander(1, 0.2, 60)), other


def test_a_guest_says_what_its_own_table_says_at_the_same_time(tmp_path: Path) -> None:
    own, other = both(tmp_path)
    table = signal_table(own, SYMBOL, NAMES, NS_PER_S, others=[other])
    theirs = signal_table(other, OTHER, ASKED, NS_PER_S)
    alone = signal_table(own, SYMBOL, ["mid"], NS_PER_S)

    assert np.array_equal(table.values[:, 0], alone.values[:, 0], equal_nan=True)
    there = np.searchsorted(table.time_ns, theirs.time_ns)
    assert np.array_equal(table.values[there, 1:], theirs.values, equal_nan=True)
    assert np.isnan(table.values[: there[0], 1:]).all()


def test_a_guest_whose_tape_ended_keeps_its_last_value_until_it_is_too_old(tmp_path: Path) -> None:
    own, other = both(tmp_path)
    table = signal_table(own, SYMBOL, NAMES, NS_PER_S, others=[other])
    said = table.values[:, 2]

    age_ns = table.time_ns - int(other.span_ns[1])
    kept = said[(age_ns > 0) & (age_ns <= STALE_NS)]
    assert kept.tolist() == [said[age_ns <= 0][-1] if len(kept) == 0 else kept[0]] * 10
    assert np.isnan(said[age_ns > STALE_NS]).all()


@pytest.mark.parametrize("part_rows", [1, 7, 100])
def test_the_parts_of_a_streamed_table_with_guests_are_the_table(tmp_path: Path, part_rows: int) -> None:
    own, other = both(tmp_path)
    table = signal_table(own, SYMBOL, NAMES, NS_PER_S, others=[other])
    parts = list(signal_tables(Events(own, SYMBOL), NAMES, NS_PER_S, part_rows=part_rows, others=[other]))

    assert np.array_equal(np.concatenate([part.values for part in parts]), table.values, equal_nan=True)


def test_what_the_other_market_does_later_changes_no_row_before(tmp_path: Path) -> None:
    own, other = both(tmp_path)
    rows = [row for row in wander(2, 3.3, 40) if row.local_ns <= 20 * NS_PER_S]
    rows += [row for second in (20.5, 21, 25) for row in quotes(second, 5_000, 1_000)]
    changed = tape_of(tmp_path / "changed", rows, instruments=[OTHER_GRID], symbol=OTHER)
    tables = [signal_table(own, SYMBOL, NAMES, NS_PER_S, others=[each]) for each in (other, changed)]

    early = tables[0].time_ns <= 20 * NS_PER_S
    assert np.array_equal(tables[0].values[early], tables[1].values[early], equal_nan=True)
    assert not np.array_equal(tables[0].values[~early], tables[1].values[~early], equal_nan=True)


def test_instruments_of_one_tape_hear_each_other(tmp_path: Path) -> None:
    tape = tape_of(tmp_path / "both", wander(1, 0.2, 20), instruments=[GRID, OTHER_GRID])

    assert np.isnan(signal_table(tape, SYMBOL, [f"mid@{OTHER}"], NS_PER_S).values).all()
    mids = signal_table(tape, SYMBOL, ["mid", f"mid@{SYMBOL}"], NS_PER_S).values
    assert np.array_equal(mids[:, 0], mids[:, 1], equal_nan=True)


def test_a_forecast_learns_from_another_tape_which_of_two_leads(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    leans = random.choice([-1, 1], 120).tolist()
    leader = [row for second, lean in enumerate(leans) for row in quotes(second + 0.5, 1_000, 3 + lean)]
    mids = np.cumsum([10_000, *leans])
    follower = [row for second, mid in enumerate(mids.tolist()) for row in quotes(second + 0.9, int(mid), 3)]
    own = tape_of(tmp_path / "own", follower)
    other = tape_of(tmp_path / "other", leader, instruments=[OTHER_GRID], symbol=OTHER)
    spec = ForecastSpec(NS_PER_S, (f"queue_imbalance@{OTHER}",), halflife_s=1e4, warm_labels=10)

    names = ("forecast(1s)", "mid")
    table = signal_table(own, SYMBOL, names, NS_PER_S, forecast=spec, others=[other])
    moves = np.diff(table.values[:, 1])
    warm = np.isfinite(table.values[:-1, 0]) & (moves != 0)
    # The lean said half a second before a decision is the step that comes before the next one.
    assert (np.sign(table.values[:-1, 0][warm]) == np.sign(moves[warm])).all()
    assert warm.sum() > 80


def test_a_guest_without_a_tape_of_its_own_is_refused(tmp_path: Path) -> None:
    own, other = both(tmp_path)

    with pytest.raises(ConfigError, match="one tape should hold B/Y for its guests, none does; did you mean X/Y"):
        signal_table(own, SYMBOL, NAMES, NS_PER_S)
    with pytest.raises(ConfigError, match="2 do"):
        signal_table(own, SYMBOL, NAMES, NS_PER_S, others=[other, other])


def test_clocks_of_two_venues_are_never_merged(tmp_path: Path) -> None:
    own, other = both(tmp_path)

    with pytest.raises(ConfigError, match="local clock"):
        signal_table(own, SYMBOL, NAMES, NS_PER_S, clock=Clock.EXCHANGE, others=[other])


def test_a_consolidated_table_of_one_venue_is_its_own_table(tmp_path: Path) -> None:
    own, _ = both(tmp_path)
    names = ["consolidated_mid", "consolidated_imbalance(2)", "consolidated_ofi(2s)"]
    together = consolidated_table([Source(own, SYMBOL)], names, NS_PER_S, stale_after_ns=100 * NS_PER_S)
    alone = signal_table(own, SYMBOL, ["mid", "depth_imbalance(2)", "ofi(2s)"], NS_PER_S)

    assert together.time_ns.tolist() == alone.time_ns.tolist()
    assert np.array_equal(together.values, alone.values, equal_nan=True)


def test_a_consolidated_table_of_two_tapes_drops_the_one_that_ended(tmp_path: Path) -> None:
    own = tape_of(tmp_path / "own", wander(1, 0.2, 60))
    coin = replace(GRID, symbol="X/Y:X", kind=InstrumentKind.INVERSE)
    other = tape_of(tmp_path / "other", wander(2, 3.3, 40), instruments=[coin], symbol=coin.symbol)
    sources = [Source(own, SYMBOL, 5.0), Source(other, coin.symbol, 2.0)]
    table = consolidated_table(sources, ["stale_venues", "venue_gap"], NS_PER_S, stale_after_ns=5 * NS_PER_S)

    stale = table.values[:, 0]
    assert stale[5:40].max() == 0
    assert stale[46:].tolist() == [1.0] * len(stale[46:])
    assert np.isnan(table.values[46:, 1]).all()
    assert np.isfinite(table.values[5:40, 1]).all()

    early = [
        Source(own, SYMBOL, 5.0),
        Source(
            tape_of(tmp_path / "cut", wander(2, 3.3, 40)[:200], instruments=[coin], symbol=coin.symbol),
            coin.symbol,
            2.0,
        ),
    ]
    before = consolidated_table(early, ["stale_venues", "venue_gap"], NS_PER_S, stale_after_ns=5 * NS_PER_S)
    known = before.time_ns < early[1].tape.span_ns[1]
    assert np.array_equal(before.values[known], table.values[: len(known)][known], equal_nan=True)
