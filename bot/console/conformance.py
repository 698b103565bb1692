"""What `check strategy` found, for a person and for programs."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bot.console.figures import NO_VALUE, printable
from bot.console.ledgers import listing
from bot.research.conformance.checks import Check
from bot.research.conformance.report import Conformance
from bot.research.conformance.timing import Times
from bot.trading.compiled import seen
from bot.trading.compiled.twins import Difference
from bot.trading.contract import View

_SEEN = (
    *("bid", "ask", "mid", "tick", "spread_bps", "position", "exposure", "entry", "equity", "round_trip_bps", "now_s"),
    *("bid_order", "ask_order", "bid_order_size", "ask_order_size", "costs.maker_bps", "costs.taker_bps"),
)


def described(found: Conformance) -> RenderableType:
    """What a strategy is, what was tried, and the first view that shows a fault."""
    params = ", ".join(f"{name} = {value}" for name, value in found.params.items()) or "none"
    table = listing("", ">", "check", "~found")
    table.show_header, table.title = False, None
    for check in found.checks:
        mark = Text("ok", style="green") if check.ok else Text("NO", style="red")
        table.add_row(mark, check.name, Text(printable(check.found)))
    lines: list[RenderableType] = [
        Text.assemble((found.name, "bold"), f" ({printable(found.origin)})"),
        Text.assemble(("signals    ", "dim"), printable(", ".join(found.signals) or "none")),
        Text.assemble(("parameters ", "dim"), printable(params)),
        Text.assemble(("compiled   ", "dim"), _compiled(found)),
        Text.assemble(("decision   ", "dim"), _times(found)),
        Text(""),
        table,
    ]
    first = next((check for check in found.checks if check.difference is not None and not check.ok), None)
    if first is not None and first.difference is not None:
        lines += [Text(""), *_shown(first, first.difference)]
    return Group(*lines)


def document(found: Conformance) -> dict[str, Any]:
    """The same for programs."""
    return {
        "name": found.name,
        "origin": found.origin,
        "ok": found.ok,
        "signals": found.signals,
        "params": found.params,
        "says_compiled": found.says_compiled,
        "in_lanes": found.in_lanes,
        "can_be_compiled": not found.refused,
        "refused": found.refused,
        "checks": [
            {"name": check.name, "ok": check.ok, "found": check.found, "difference": _difference(check.difference)}
            for check in found.checks
        ],
        "plain": found.plain,
        "compiled": found.compiled,
    }


def view_numbers(see: View) -> dict[str, float]:
    """Return what a view shows by the names that a strategy writes."""
    signals = {f'["{name}"]': see[name] for name in see.names}
    return signals | dict(zip((f".{name}" for name in _SEEN), seen(see), strict=True))


def _compiled(found: Conformance) -> Text:
    says, refused = found.says_compiled, printable(found.refused)
    if says and refused:
        return Text(f"it says so, but cannot be: {refused}", style="red")
    if says is not None:
        return Text("yes" if says else f"no, as it says, and asked in plain Python{'' if refused else '; it could be'}")
    if refused:
        return Text(f"no, and asked in plain Python: {refused}")
    if found.differs:
        return Text("its compiled form answers otherwise: say `compiled: ClassVar[bool] = False`", style="red")
    if not found.in_lanes:
        return Text("it could be, but these settings have no lanes in machine code: asked in plain Python")
    return Text("yes: in backtests, their placebo twins and sweeps")


def _times(found: Conformance) -> str:
    other = "to be asked costs a backtest some 10 µs more"
    if found.compiled is not None:
        other = f"compiled {_length(found.compiled)}"
    return f"plain {_length(found.plain)}; {other}"


def _length(times: Times) -> str:
    return f"p50 {_nanoseconds(times.p50_ns)}, p99 {_nanoseconds(times.p99_ns)}"


def _nanoseconds(value: float) -> str:
    if math.isnan(value):
        return NO_VALUE
    return f"{value:.0f} ns" if value < 1000 else f"{value / 1000:.1f} µs"


def _shown(check: Check, difference: Difference) -> list[Text]:
    lines = [Text.assemble(("The first view that shows it", "bold"), f" ({check.name}):")]
    lines += [Text(f"  see{name} = {value!r}") for name, value in view_numbers(difference.see).items()]
    for words, answer in (("answer", difference.first), ("other answer", difference.second)):
        lines.append(Text.assemble((f"  {words}: ", "dim"), printable(str(answer))))
    return lines


def _difference(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    shown = {"view": view_numbers(difference.see), "position_lots": difference.see.position_lots}
    return shown | {"answer": str(difference.first), "other_answer": str(difference.second)}
