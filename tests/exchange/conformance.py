"""The table of every method of the stock ccxt clients that the local exchange answers, made by calling them.

`python -m tests.exchange.conformance` makes the calls and writes the table into docs/local-exchange-methods.md.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from bot.exchange.process import ExchangeProcess, ExchangeSettings
from tests.exchange.desk import BTC, ETH, TOKEN, Case, desk
from tests.exchange.rest_calls import REST_CASES
from tests.exchange.stream_calls import STREAM_CASES

DOCUMENT = Path(__file__).parents[2] / "docs/local-exchange-methods.md"
BEGIN, END = "<!-- methods -->", "<!-- /methods -->"
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Row:
    """What a case sent and, when it failed, why."""

    case: Case
    asked: tuple[str, ...]
    failure: str


async def rows(url: str) -> list[Row]:
    """Make every call, one after the other; what one does the next may need."""
    made = []
    async with desk(url) as at:
        for case in (*REST_CASES, *STREAM_CASES):
            at.asked.clear()
            failure = ""
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await case.call(at)
            except Exception:  # noqa: BLE001 - whatever goes wrong is told of every method, not of the first alone
                failure = traceback.format_exc(limit=-3)
            made.append(Row(case, tuple(dict.fromkeys(at.asked)), failure))
    return made


def table(made: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| ccxt method | what it sends | what holds of the answer |", "|---|---|---|"]
    for row in made:
        sent = "<br>".join(f"`{one}`" for one in row.asked) or "nothing"
        lines.append(f"| `{row.case.method}` | {sent} | {row.case.holds} |")
    return "\n".join(lines)


def documented() -> str:
    """The table as the document has it."""
    return DOCUMENT.read_text().split(BEGIN)[1].split(END)[0].strip()


def exchange_settings() -> ExchangeSettings:
    """The exchange that the calls are made on."""
    return ExchangeSettings(seed=19, symbols=(BTC, ETH), control_token=TOKEN)


def main() -> int:
    """Make the calls and write the table into the document; exit code 1 when a method failed."""
    process = ExchangeProcess.start(exchange_settings())
    try:
        made = asyncio.run(rows(process.url))
    finally:
        process.stop()
    failed = [row for row in made if row.failure]
    for row in failed:
        sys.stderr.write(f"{row.case.method}: {row.failure}\n")
    if not failed:
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{table(made)}\n{END}{rest.partition(END)[2]}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
