"""The answer to "why did it not trade?", in words, with the numbers behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.text import Text

from bot.console.books import Books, Head
from bot.console.figures import DAY_NS, clock, counted, day_and_clock, elapsed, moment_ns, printable
from bot.console.ledgers import listing
from bot.console.panels import gate_values
from bot.errors import UserError
from bot.trading.wording import CLOSED
from bot.types import NS_PER_S, Decision, HaltState, Outcome
from storage import schema
from storage.tradelog import Account, Run
from storage.why import ReasonCount, Stretch, Why
from storage.why import why as ask

_REASONS_SHOWN: Final = 8
_DENIALS_SHOWN: Final = 5
_SAID: Final[Mapping[Outcome, str]] = {
    Outcome.WAITING: "The strategy was not asked: {reason}.",
    Outcome.HOLD: "The strategy was asked and wanted nothing changed: {reason}.",
    Outcome.TARGET: "The strategy wanted {answer}: {reason}.",
    Outcome.QUOTES: "The strategy wanted to quote {answer}: {reason}.",
    Outcome.FAILED: "The strategy could not answer: {reason}.",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a lane did what it did about a symbol at a moment, and what came of its orders in the whole run."""

    run: int
    at_ns: int
    why: Why
    orders: int
    fills: int
    denials: int


def explained(books: Books, run: Run, symbol: str | None, at: str | None, lane: str | None) -> list[Explained]:
    """Explain one symbol of a run, or each of them.

    Raises:
        UserError: the run has made no decision, or symbol, lane or moment make no sense for it.
    """
    own = books.lane(run.id, lane)
    chosen = books.symbol(run.id, symbol)
    heads = [head for head in books.heads(run.id) if own in (None, head.lane) and chosen in (None, head.symbol)]
    if not heads:
        raise UserError(f"run {run.id} made no decision: it ended before the market was known, or traded nothing")
    return [_explained(books, run, head, _moment(books.first_ns(run.id), head.local_ns, at)) for head in heads]


def _explained(books: Books, run: Run, head: Head, at_ns: int) -> Explained:
    found = ask(books.engine, run.id, head.symbol, at_ns, lane=head.lane)
    orders, fills = (books.count(table, run.id, head) for table in (schema.intents, schema.fills))
    denials = sum(each.count for each in found.counts if each.outcome == "denied")
    return Explained(run.id, at_ns, found, orders, fills, denials)


def _moment(first_ns: int, last_ns: int, at: str | None) -> int:
    if at is None:
        return last_ns
    moment = moment_ns(at, last_ns, "--at")
    if moment > last_ns and ":" in at and "-" not in at and moment - DAY_NS >= first_ns:
        return moment - DAY_NS  # a time of day, in a run that went past midnight
    return moment


def told(found: Explained, account: Account | None) -> RenderableType:
    """Say it in words."""
    why = found.why
    title = f"Why, {printable(why.symbol)} at {day_and_clock(found.at_ns)} UTC (run {found.run}, lane {why.lane})"
    parts: list[RenderableType] = [Rule(Text(title, style="bold"), style="dim", align="left")]
    if why.stretch is None:
        parts.append(Text("No decision had been made yet at that moment: the run was waiting for its market."))
    else:
        parts += _decision(why.stretch, found.at_ns)
    parts += _denials(found)
    parts.append(_whole_run(found))
    if account is not None and account.halt_state is not HaltState.ACTIVE:
        halted = f"The account is {account.halt_state} now, by {account.halt_by}: {account.halt_reason}."
        parts.append(Text(f"{printable(halted)} `imbalance resume` ends it.", style="red"))
    parts.append(_counts(why.counts))
    return Group(*parts)


def _decision(stretch: Stretch, at_ns: int) -> list[RenderableType]:
    decision = stretch.decision
    lines: list[RenderableType] = [Text(said(decision), style="bold")]
    length = elapsed((stretch.last_ns - decision.local_ns) / NS_PER_S)
    since = f"First decided at {clock(decision.local_ns)}, on the numbers below, {_again(stretch.count, length)}"
    past = f"; the last of them was at {clock(stretch.last_ns)}" if stretch.last_ns < at_ns else ""
    lines.append(Text(f"{since}{past}."))
    if decision.values:
        lines.append(Text.assemble(("values   ", "dim"), gate_values(decision.values)))
    if decision.signals:
        lines.append(Text.assemble(("signals  ", "dim"), gate_values(decision.signals)))
    return lines


def said(decision: Decision) -> str:
    """A decision as one sentence."""
    if decision.answer == CLOSED:
        return printable(f"The strategy was not asked, its position is closed: {decision.reason.rstrip('.')}.")
    answer = decision.answer or "something"
    return printable(_SAID[decision.outcome].format(answer=answer, reason=decision.reason.rstrip(".")))


def _again(count: int, length: str) -> str:
    return "and once" if count == 1 else f"{count:,} times in a row over {length}"


def _denials(found: Explained) -> list[RenderableType]:
    denials = found.why.denials
    if not denials:
        return []
    nearest = sorted(denials, key=lambda each: abs(each.local_ns - found.at_ns))[:_DENIALS_SHOWN]
    lines: list[RenderableType] = [
        Text(f"Limits refused {counted(len(denials), 'order')} within a minute of it:", style="yellow")
    ]
    for each in sorted(nearest, key=lambda each: each.local_ns):
        bound = f"{each.limit} is {each.bound}, was {each.value}"
        lines.append(Text(printable(f"  {clock(each.local_ns)} {each.side}: {each.reason} ({bound})")))
    return lines


def _whole_run(found: Explained) -> Text:
    sent = f"{counted(found.orders, 'order')} went out and {counted(found.fills, 'fill')} came back"
    if found.orders and not found.fills:
        sent += ": they rested, and nobody traded with them before they were withdrawn (`imbalance orders`)"
    if not found.orders:
        sent = "no order was sent"
    denied = f"; limits refused {found.denials:,}" if found.denials else ""
    return Text(f"In the whole run {sent}{denied}.")


def _counts(counts: Sequence[ReasonCount]) -> RenderableType:
    decided = sum(each.count for each in counts if each.outcome != "denied")
    table = listing(
        f"What it came to over the run, {counted(decided, 'decision')}", ">share", ">times", "outcome", "~reason"
    )
    for each in counts[:_REASONS_SHOWN]:
        share = f"{each.count / decided:.1%}" if decided and each.outcome != "denied" else ""
        table.add_row(share, f"{each.count:,}", each.outcome, Text(printable(each.reason)))
    if len(counts) > _REASONS_SHOWN:
        table.add_row("", f"{sum(each.count for each in counts[_REASONS_SHOWN:]):,}", "", Text("others", style="dim"))
    return table


def decisions_table(stretches: Sequence[Stretch], run: int) -> RenderableType:
    """Stretches of equal decisions, oldest first; of several lanes each has its name beside it."""
    if not stretches:
        return Text(f"No decision in run {run}.")
    several = len({stretch.decision.lane for stretch in stretches}) > 1
    lane = ["lane"] if several else []
    table = listing(
        f"Decisions of run {run}, UTC", "time", *lane, "symbol", ">times", ">for", "outcome", "~reason", "~answer"
    )
    for stretch in stretches:
        decision = stretch.decision
        length = elapsed((stretch.last_ns - decision.local_ns) / NS_PER_S)
        place = (clock(decision.local_ns), *([decision.lane] if several else []), printable(decision.symbol))
        words = (str(decision.outcome), Text(printable(decision.reason)), Text(printable(decision.answer)))
        table.add_row(*place, f"{stretch.count:,}", length, *words)
    return table


def runs_table(runs: Sequence[Run], pid: int | None) -> RenderableType:
    """Runs, oldest first; `pid` is the process of the bot that runs now."""
    if not runs:
        return Text("No run yet: start one with `imbalance paper`.")
    table = listing("Runs", ">run", "account", "started UTC", ">length", "mode", "strategy", "~ended")
    for run in runs:
        end = run.end_reason or "stopped"
        if run.ended_ns is None:
            end = "running" if pid is not None and run.pid == pid else "killed"
        length = elapsed((run.ended_ns - run.started_ns) / NS_PER_S) if run.ended_ns is not None else ""
        place = (str(run.id), printable(run.account), day_and_clock(run.started_ns), length, run.mode)
        table.add_row(*place, printable(run.strategy_name), Text(printable(end)))
    return table
