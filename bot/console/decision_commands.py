"""The commands that explain: decisions, why, runs."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from bot.console.choices import AsJson, ConfigPath, Lane, Limit, Overrides, RunId, Symbol, configured

_ROWS_SHOWN: Final = 50  # of a table, when no limit is asked for; JSON is whole


def decisions(
    run_id: RunId = None,
    symbol: Symbol = None,
    lane: Lane = None,
    limit: Limit = None,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Show what was decided in the last run, and how often.

    Equal decisions in a row are one line.
    """
    from bot.console import answers
    from bot.console.books import Books
    from bot.console.documents import show
    from storage.why import decisions as stretches

    books = Books.open(configured(config_path, overrides))
    run = books.run(run_id)
    most = limit if limit is not None or as_json else _ROWS_SHOWN
    place, of_symbol = books.lane(run.id, lane), books.symbol(run.id, symbol)
    found = stretches(books.engine, run.id, limit=most, lane=place, symbol=of_symbol)
    show(answers.decisions_table(found, run.id), found, as_json=as_json)


def why(
    symbol: Annotated[str | None, typer.Argument(metavar="[SYMBOL]", help="Without it every symbol.")] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="12:03:05 (UTC), an ISO time or nanoseconds; without it the end."),
    ] = None,
    run_id: RunId = None,
    lane: Annotated[
        str | None, typer.Option("--lane", metavar="NAME", help="Another lane; without it the account's own.")
    ] = None,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Answer why it did or did not trade.

    Shows the decision in force, its numbers, what limits refused, and how often each reason held over the run.
    """
    from rich.console import Group
    from rich.text import Text

    from bot.console import answers
    from bot.console.books import Books
    from bot.console.documents import show
    from storage import tradelog

    books = Books.open(configured(config_path, overrides))
    run = books.run(run_id)
    found = answers.explained(books, run, symbol, at, lane)
    blank = Text("")
    account = tradelog.account(books.engine, run.account)
    shown = [part for each in found for part in (answers.told(each, account), blank)]
    show(Group(*shown[:-1]), found, as_json=as_json)


def runs(
    limit: Limit = None, as_json: AsJson = False, config_path: ConfigPath = None, overrides: Overrides = None
) -> None:
    """List the runs, of every account in the database."""
    from bot.console import answers
    from bot.console.documents import show
    from bot.console.running import running_pid
    from storage import tradelog
    from storage.database import open_reader

    url = configured(config_path, overrides).storage.url
    listed = tradelog.runs(open_reader(url), limit=limit)
    show(answers.runs_table(listed, running_pid(url, listed)), listed, as_json=as_json)
