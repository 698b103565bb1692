"""The report's tables, once: the page and the terminal show the same ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from statistics import median_low
from types import MappingProxyType

from bot.config_values import duration_text
from bot.console.figures import NO_VALUE, counted, day_and_clock, elapsed, figure, money, words
from bot.research.bootstrap import Estimate
from bot.research.performance.attribution import ADVERSE_NS
from bot.research.performance.markouts import HORIZONS_NS, TENTHS_NS, Markout, Tenth
from bot.research.performance.performance import Performance
from bot.types import NS_PER_MS, NS_PER_S, OrderStatus

PARTS = "Where the P&L came from"

_COUNTS_SHOWN = 12  # reasons of one kind: some hold numbers, and then there is no end to them
_CHANCE = 0.05
_FEW_FILLS = 30  # below it, a mean says next to nothing
# The venue gives no reason for an order that the lane itself took back; all others that end early have one.
_SILENT_REASONS = MappingProxyType({f"order {OrderStatus.CANCELED}": "taken back by a decision of the lane's own"})


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text. The columns `words` hold words, the others numbers; `note` says what they mean."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = (0,)
    note: str = ""


def headline(found: Performance) -> list[str]:
    """Return what the run came to, the most important first, a sentence or two each."""
    currency, interval = found.config.paper.currency, found.interval
    least, most = (money(net, signed=True) for net in (interval.least, interval.most))
    alike = interval.least == interval.most
    lanes = "all lanes alike" if alike else f"{interval.least_lane} to {interval.most_lane}"
    if len(found.lanes) == 1:
        lines = [f"P&L {least} {currency}, and no interval: lane {interval.least_lane} alone ran. {_sign(found)}"]
    else:
        lines = [f"P&L interval {least} to {most} {currency} ({lanes}). {_sign(found)}"]
    if not any(lane.fills for lane in found.lanes):
        lines += _held_back(found)
    return [*lines, *_few(found), *_halted(found), _standing(found)]


def _few(found: Performance) -> list[str]:
    """A warning where what was earned or lost rests on a handful of fills."""
    least = min((lane.fills for lane in found.lanes if lane.fills), default=_FEW_FILLS)
    if least >= _FEW_FILLS:
        return []
    return [f"It rests on {counted(least, 'fill')} in one lane: too few to tell anything from chance."]


def _standing(found: Performance) -> str:
    """Where the strategy stands among its placebos."""
    if found.placebos is None:
        return "No placebo lanes ran: whether this is more than chance was not tested."
    own = found.placebos
    if set(own.nets) == {own.net}:
        return f"{counted(len(own.nets), 'placebo')} came to the same (lane {own.lane}, p = 1): not told from chance."
    told = "told from chance" if own.p < _CHANCE else "not told from chance"
    rank = str(own.rank) if own.rank == own.last_rank else f"{own.rank} to {own.last_rank}"
    return f"Rank {rank} of {len(own.nets) + 1} among its placebos (lane {own.lane}, p = {own.p:.2f}): {told}."


def _halted(found: Performance) -> list[str]:
    """How much of the run the account was halted, by what: no figure of it speaks of that time."""
    counts = [count for each in found.decisions for count in each.counts if count.outcome != "denied"]
    halted = [each for each in counts if each.reason.startswith("halted by ")]
    if not halted:
        return []
    share = sum(each.count for each in halted) / sum(each.count for each in counts)
    return [f"It did not trade for {share:.0%} of its decisions: {halted[0].reason}."]


def _held_back(found: Performance) -> list[str]:
    """What most decisions of a run without a fill came to, and how many orders it sent."""
    counts: Counter[str] = Counter()
    for one in (count for each in found.decisions for count in each.counts if count.outcome != "denied"):
        counts[one.reason or one.outcome] += one.count
    if not counts:
        return ["It was never asked: no decision fell into the recording."]
    ((reason, most),) = counts.most_common(1)
    sent = sum(each.count for each in found.counts if each.what.startswith("order "))
    held = f"{most / counts.total():.0%} of its {counted(counts.total(), 'decision')}: {reason}. Orders sent: {sent:,}"
    return [f"{held}{_refused(found)}."]


def _refused(found: Performance) -> str:
    """How many orders were rejected, and why most of them were."""
    rejected = [each for each in found.counts if each.what == f"order {OrderStatus.REJECTED}"]
    if not rejected:
        return ""
    usual = max(rejected, key=lambda each: each.count)
    return f", {sum(each.count for each in rejected):,} of them rejected: {usual.reason}"


def _sign(found: Performance) -> str:
    if not any(lane.fills for lane in found.lanes):
        return "No order filled."
    every = " under every fill assumption" if len(found.lanes) > 1 else ""
    if found.interval.least > 0:
        return f"It earned{every}."
    if found.interval.most < 0:
        return f"It lost{every}."
    return "Whether it earned hangs on how its orders would have filled."


def about(found: Performance) -> str:
    """Say on one line what ran, where and when."""
    run, paper = found.run, found.config.paper
    params = ", ".join(f"{name} = {value}" for name, value in found.config.strategy.params.items())
    every = duration_text(found.config.strategy.every_ns) if found.config.strategy.every_ns else "every book"
    return (
        f"Run {run.id} ({run.mode}, account {run.account}): {run.strategy_name}{f' ({params})' if params else ''} on "
        f"{', '.join(found.config.exchange.symbols)}, {_time(found)}; a decision each "
        f"{every}, round trip {_round_trip(found)}, maker {paper.maker_bps} bps, taker {paper.taker_bps} "
        f"bps; ended: {run.end_reason or 'killed'}."
    )


def _time(found: Performance) -> str:
    """How long was recorded from when, and what lies between the stretches: positions are held through it."""
    span = f"{elapsed(found.recorded_ns / NS_PER_S)} from {day_and_clock(found.first_ns)}"
    spans = found.prices.spans_ns if found.prices is not None else ()
    if len(spans) < 2:
        return f"{span} UTC"
    longest = max(later - earlier for (_, earlier), (later, _) in pairwise(spans))
    apart = elapsed(longest / NS_PER_S)
    return f"{span} to {day_and_clock(found.last_ns)} UTC in {len(spans)} stretches, up to {apart} apart"


def _round_trip(found: Performance) -> str:
    paper, told = found.config.paper, found.round_trips_ns
    if paper.measures:
        how = f", from {_ms(min(told))} to {_ms(max(told))}, median {_ms(median_low(told))}" if told else ""
        return f"as measured{how} ({duration_text(paper.latency_ns)} until the first)"
    drawn = f" (median of {len(paper.waits_ns)} to draw from)" if paper.waits_ns else ""
    return f"{duration_text(paper.latency_ns)}{drawn}"


def _ms(nanoseconds: int) -> str:
    return f"{figure(nanoseconds / NS_PER_MS)}ms"


def main_tables(found: Performance) -> Iterator[Table]:
    """Yield the tables that a terminal shows; those without a row are left out."""
    tables = (
        _lanes(found),
        _parts(found),
        _markouts(found),
        _days(found),
        _incidents(found),
        _counts(found),
        *_decisions(found),
    )
    yield from (table for table in tables if table.rows)


def _lanes(found: Performance) -> Table:
    rows = [
        (
            lane.lane,
            money(lane.net, signed=True),
            _interval(lane.per_hour, 2),
            money(lane.fees),
            money(lane.funding, signed=True),
            f"{lane.fills:,}",
            f"{lane.maker_share:.0%} / {lane.maker_notional_share:.0%}" if lane.fills else NO_VALUE,
            money(lane.turnover, places=0),
            money(Decimal(str(lane.drawdown))),
        )
        for lane in found.lanes
    ]
    headings = ("lane", "net P&L", "an hour (95 %)", "fees", "funding", "fills", "maker: fills / notional")
    note = (
        f"Money in {found.config.paper.currency}. The first lane is the account itself. An hour: mean, and the 95 % "
        "interval from blocks of its own changes of equity. Drawdown: deepest fall from a high."
    )
    return Table("Lanes", (*headings, "turnover", "drawdown"), tuple(rows), note=note)


def _parts(found: Performance) -> Table:
    rows = [
        (
            lane.lane,
            *(money(each, signed=True, places=4) for each in (parts.spread, parts.adverse, parts.inventory)),
            money(-parts.fees, signed=True, places=4),
            money(parts.funding, signed=True, places=4),
            money(parts.net, signed=True, places=4),
        )
        for lane in found.lanes
        if (parts := lane.parts) is not None
    ]
    late = duration_text(ADVERSE_NS)
    note = (
        "Spread: how much better than the mid before it each fill was. Adverse selection: what the mid did within "
        f"{late} after it. Inventory: what it did to the position later on. The parts sum to the net, exactly."
    )
    headings = ("lane", "spread earned", "adverse selection", "inventory", "fees", "funding", "net P&L")
    return Table(f"{PARTS}, {found.config.paper.currency}", headings, tuple(rows), note=note)


def _markouts(found: Performance) -> Table:
    cells = {(each.lane, each.liquidity, each.horizon_ns): each for each in found.markouts}
    rows = []
    for lane, liquidity in dict.fromkeys((each.lane, each.liquidity) for each in found.markouts):
        own = [cells[lane, liquidity, horizon_ns] for horizon_ns in HORIZONS_NS]
        most = own[0].fills
        rows.append((lane, str(liquidity), f"{most:,}", *(_markout(each, most) for each in own)))
    headings = ("lane", "", "fills", *(duration_text(each) for each in HORIZONS_NS))
    note = (
        "Mean move of the mid in the direction of the fill, bps (95 %); below 0 it went against us. Before costs. A "
        "mean over less than half of the fills says over how many; without an interval, too few of them are apart."
    )
    return Table("Markouts", headings, tuple(rows), (0, 1), note)


def _markout(one: Markout, most: int) -> str:
    """The mean with its interval; the recording may end before the horizon of most fills."""
    told = _interval(one.move_bps, 2)
    return f"{told}, {counted(one.fills, 'fill')}" if 0 < one.fills < most / 2 else told


def _days(found: Performance) -> Table:
    rows = [
        (
            day.day,
            f"{day.fills:,}",
            money(day.notional, places=0),
            money(day.fees),
            *(_money(each, signed=True) for each in (day.net, day.least, day.most)),
            _money(day.drawdown),
        )
        for day in found.days
    ]
    headings = ("day, UTC", "fills", "turnover", "fees", "net P&L", "least", "most", "drawdown")
    note = f"Of lane {found.own.lane}; least and most over all lanes of that day."
    return Table(f"Days, {found.config.paper.currency}", headings, tuple(rows), note=note)


def _incidents(found: Performance) -> Table:
    """What befell a lane that its figures do not say: halts, funding that nobody knew, positions without a guard."""
    rows = [
        (day_and_clock(each.local_ns), each.lane or "all", each.symbol or "all", words(each.kind), each.text)
        for each in found.incidents[:_COUNTS_SHOWN]
    ]
    rest = len(found.incidents) - len(rows)
    if rest:
        rows.append(("", "", "", "", f"{rest:,} more"))
    return Table(
        "What befell the lanes", ("time, UTC", "lane", "symbol", "what", "in words"), tuple(rows), (0, 1, 2, 3, 4)
    )


def _counts(found: Performance) -> Table:
    rows = []
    for what in dict.fromkeys(each.what for each in found.counts):
        own = [each for each in found.counts if each.what == what]
        silent = _SILENT_REASONS.get(what, NO_VALUE)
        rows += [(what, f"{each.count:,}", each.reason or silent) for each in own[:_COUNTS_SHOWN]]
        rest = own[_COUNTS_SHOWN:]
        if rest:
            rows.append((what, f"{sum(each.count for each in rest):,}", counted(len(rest), "other reason")))
    return Table(f"Orders of lane {found.own.lane}", ("what", "times", "reason"), tuple(rows), (0, 2))


def _decisions(found: Performance) -> Iterator[Table]:
    for each in found.decisions:
        counts = [one for one in each.counts if one.outcome != "denied"]
        whole = sum(one.count for one in counts)
        rows = [(f"{one.count / whole:.1%}", f"{one.count:,}", one.outcome, one.reason) for one in counts]
        title = f"What {counted(whole, 'decision')} about {each.symbol} came to"
        yield Table(title, ("share", "times", "outcome", "reason"), tuple(rows[:_COUNTS_SHOWN]), (2, 3))


def tenths_table(groups: Sequence[Tenth]) -> Table:
    """Return the table of one signal's tenths."""
    rows = [
        (
            str(each.number),
            f"{figure(each.low)} to {figure(each.high)}",
            f"{each.buys:,}",
            _interval(each.buy_move_bps, 2),
            f"{each.sells:,}",
            _interval(each.sell_move_bps, 2),
        )
        for each in groups
    ]
    after = f"bps {duration_text(TENTHS_NS)} after"
    headings = ("tenth", groups[0].signal, "buys", after, "sells", after)
    return Table(groups[0].signal, headings, tuple(rows), (1,))


def _interval(one: Estimate, places: int) -> str:
    if not math.isfinite(one.value):
        return NO_VALUE
    value = _money(one.value, signed=True, places=places)
    if not math.isfinite(one.low):
        return value
    return f"{value} ({_money(one.low, places=places)} to {_money(one.high, places=places)})"


def _money(value: float, *, signed: bool = False, places: int = 2) -> str:
    return money(Decimal(repr(value)), signed=signed, places=places)
