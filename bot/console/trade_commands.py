"""The commands that show what was traded: trades, orders, positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bot.console.choices import AsJson, ConfigPath, Lane, Limit, Overrides, RunId, Symbol, configured
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.console.books import Books

_ROWS_SHOWN: Final = 50  # of a table, when no limit is asked for; JSON and CSV are whole


def trades(
    round_trips: Annotated[bool, typer.Option("--round-trips", help="From flat to flat, with net P&L.")] = False,
    funding: Annotated[bool, typer.Option("--funding", help="What positions paid at funding times.")] = False,
    run_id: RunId = None,
    symbol: Symbol = None,
    lane: Lane = None,
    limit: Limit = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Show the fills of the account, its round trips, or its funding.

    A table has the newest 50 unless --limit says otherwise; JSON and CSV have all.
    """
    from bot.console import ledgers
    from bot.console.books import Books
    from bot.console.documents import print_csv, show

    if as_csv and as_json:
        raise UserError("--csv and --json exclude each other: name one of them")
    if round_trips and funding:
        raise UserError("--round-trips and --funding exclude each other: name one of them")
    books = Books.open(configured(config_path, overrides))
    most = limit if limit is not None or as_csv or as_json else _ROWS_SHOWN
    listed = ledgers.listed_trips if round_trips else ledgers.listed_funding if funding else ledgers.listed_fills
    rows, table = listed(books, _place(books, run_id, symbol, lane), most)
    if as_csv:
        print_csv(rows)
    else:
        show(table, rows, as_json=as_json)


def orders(
    run_id: RunId = None,
    symbol: Symbol = None,
    lane: Lane = None,
    limit: Limit = None,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Show the orders of the last run and what became of them."""
    from bot.console import ledgers
    from bot.console.books import Books
    from bot.console.documents import show
    from storage import tradelog

    books = Books.open(configured(config_path, overrides))
    run = books.run(run_id)
    most = limit if limit is not None or as_json else _ROWS_SHOWN
    wanted = _place(books, run.id, symbol, lane)
    found = tradelog.orders(books.engine, run=run.id, limit=most, lane=wanted["lane"], symbol=wanted["symbol"])
    show(ledgers.orders_table(found, run.id), [ledgers.order_row(order) for order in found], as_json=as_json)


def positions(
    lane: Lane = None, as_json: AsJson = False, config_path: ConfigPath = None, overrides: Overrides = None
) -> None:
    """Show what the account holds, has earned and has paid."""
    from bot.console import ledgers
    from bot.console.books import Books
    from bot.console.documents import show
    from storage.holdings import positions as held

    books = Books.open(configured(config_path, overrides))
    chosen = books.lane(books.run(None).id, lane)
    found = held(books.engine, account=books.name, lane=chosen)
    currency = books.account.currency if books.account is not None else ""
    rows = [ledgers.position_row(position) for position in found]
    show(ledgers.positions_table(found, currency, several=chosen is None), rows, as_json=as_json)


def _place(books: Books, run_id: int | None, symbol: str | None, lane: str | None) -> dict[str, Any]:
    """Check what was asked for against the run it is about, and say it as the trade log's own filters."""
    run = books.run(run_id)
    wanted_run = run.id if run_id is not None else None
    return {"run": wanted_run, "lane": books.lane(run.id, lane), "symbol": books.symbol(run.id, symbol)}
