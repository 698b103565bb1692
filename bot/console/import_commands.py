"""The commands that bring in what others recorded: import binance, lobster, tardis, hftbacktest, csv."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bot.console.choices import AsJson
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.feed.binance import Stream
    from bot.feed.csv_columns import TimeUnit
    from bot.feed.import_report import ImportReport, Progress
    from bot.feed.instrument_names import Naming

_Files = Annotated[list[Path], typer.Argument(metavar="FILES...", help="Plain, .gz or .zst.")]
_Out = Annotated[Path, typer.Option("--out", metavar="TAPE", help="Folder of the new tape.")]
_Symbol = Annotated[
    str | None, typer.Option("--symbol", metavar="NAME", help="Such as BTC/USDT (spot) or BTC/USDT:USDT (perpetual).")
]
_Kind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="spot, linear or inverse, where the symbol doesn't say.")
]
_Tick = Annotated[
    str | None, typer.Option("--tick", metavar="STEP", help="Step of prices; without it the finest decimals seen.")
]
_Lot = Annotated[
    str | None, typer.Option("--lot", metavar="STEP", help="Step of sizes; without it the finest decimals seen.")
]
_ContractSize = Annotated[
    str | None, typer.Option("--contract-size", metavar="SIZE", help="Worth of a contract; 1 if it isn't given.")
]

_Word = TypeVar("_Word", bound=StrEnum)


def import_binance(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Recorded streams, plain or gzip.")],
    out: _Out,
    market: Annotated[
        str, typer.Option("--market", metavar="NAME", help="usdm, cm or spot: which Binance it was recorded from.")
    ],
    streams: Annotated[
        str, typer.Option("--streams", metavar="NAMES", help="What to keep: depth, best, trade, with commas between.")
    ] = "depth,best,trade",
    as_json: AsJson = False,
) -> None:
    """Import lines `<local time> <JSON>` of Binance streams to a tape."""
    from bot.feed.binance import Market
    from bot.feed.binance import import_binance as run_import

    kinds = _streams(streams)
    if market not in list(Market):
        raise UserError(f"--market should be one of {', '.join(Market)}, was {market!r}")
    _show(lambda progress: run_import(files, Market(market), kinds, out, progress), as_json=as_json)


def _streams(text: str) -> frozenset[Stream]:
    from bot.feed.binance import Stream

    names = [name.strip() for name in text.split(",")]
    wrong = [name for name in names if name not in list(Stream)]
    if wrong:
        raise UserError(f"--streams should be some of {', '.join(Stream)}, was {wrong[0]!r}")
    return frozenset(Stream(name) for name in names)


def import_lobster(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Message files; each lies beside its orderbook file.")
    ],
    out: _Out,
    day: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="Such as 2012-06-21, where no file name says it.")
    ] = None,
    symbol: _Symbol = None,
    kind: _Kind = None,
    tick: _Tick = None,
    lot: _Lot = None,
    as_json: AsJson = False,
) -> None:
    """Import LOBSTER's message and orderbook files to a tape."""
    from bot.feed.lobster import import_lobster as run_import

    naming = _naming(symbol, kind, tick, lot, None)
    chosen = _date(day)
    _show(lambda progress: run_import(files, out, naming, chosen, progress), as_json=as_json)


def import_tardis(
    files: _Files,
    out: _Out,
    symbol: _Symbol = None,
    kind: _Kind = None,
    tick: _Tick = None,
    lot: _Lot = None,
    contract_size: _ContractSize = None,
    as_json: AsJson = False,
) -> None:
    """Import Tardis.dev's incremental_book_L2, trades, quotes and book_ticker to a tape."""
    from bot.feed.tardis import import_tardis as run_import

    naming = _naming(symbol, kind, tick, lot, contract_size)
    _show(lambda progress: run_import(files, out, naming, progress), as_json=as_json)


def import_hftbacktest(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Event arrays, .npz or .npy, in order.")],
    out: _Out,
    symbol: _Symbol = None,
    kind: _Kind = None,
    tick: _Tick = None,
    lot: _Lot = None,
    contract_size: _ContractSize = None,
    as_json: AsJson = False,
) -> None:
    """Import event arrays of hftbacktest 2 to a tape."""
    from bot.feed.hftbacktest import import_hftbacktest as run_import

    naming = _naming(symbol, kind, tick, lot, contract_size)
    _show(lambda progress: run_import(files, out, naming, progress), as_json=as_json)


# Its length is that of its options: each of them is one.
def import_csv(
    files: _Files,
    out: _Out,
    local_time: Annotated[
        str, typer.Option("--time", metavar="COLUMN[:UNIT]", help="Time of receipt; UNIT is s, ms, us, ns or iso.")
    ] = "local_time",
    exchange_time: Annotated[
        str, typer.Option("--exchange-time", metavar="COLUMN[:UNIT]", help="Time at the exchange, if there is one.")
    ] = "exchange_time",
    type_: Annotated[
        str, typer.Option("--type", metavar="COLUMN", help="Column of book, trade, best or clear.")
    ] = "type",
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="TYPE", help="What all lines are, when there is no such column.")
    ] = None,
    side: Annotated[
        str, typer.Option("--side", metavar="COLUMN", help="Side of a level; of a trade that of its aggressor.")
    ] = "side",
    price: Annotated[str, typer.Option("--price", metavar="COLUMN", help="Column of prices.")] = "price",
    size: Annotated[str, typer.Option("--size", metavar="COLUMN", help="Column of sizes; 0 deletes a level.")] = "size",
    id_: Annotated[str, typer.Option("--id", metavar="COLUMN", help="Update or trade id, if there is one.")] = "id",
    last: Annotated[
        str, typer.Option("--last", metavar="COLUMN", help="1 on the final line of a message, if there is one.")
    ] = "last",
    types: Annotated[
        str, typer.Option("--types", metavar="WORD=TYPE,...", help="What other words in --type mean: T=trade,L2=book.")
    ] = "",
    sides: Annotated[
        str, typer.Option("--sides", metavar="WORD=SIDE,...", help="What other words in --side mean: 1=buy,-1=sell.")
    ] = "",
    symbol: _Symbol = None,
    kind: _Kind = None,
    tick: _Tick = None,
    lot: _Lot = None,
    contract_size: _ContractSize = None,
    as_json: AsJson = False,
) -> None:
    """Import trades and level changes from any CSV files with one header to a tape."""
    from bot.feed.csv_events import CsvColumns, RowSide, RowType
    from bot.feed.csv_events import import_csv as run_import

    naming = _naming(symbol, kind, tick, lot, contract_size)
    local, local_unit = _column(local_time, "--time")
    exchange, exchange_unit = _column(exchange_time, "--exchange-time")
    columns = CsvColumns(
        local_time=local,
        exchange_time=exchange,
        type=type_,
        side=side,
        price=price,
        size=size,
        id=id_,
        last=last,
        local_unit=local_unit,
        exchange_unit=exchange_unit,
        types=_meanings(types, "--types", RowType),
        sides=_meanings(sides, "--sides", RowSide),
        rows=None if rows is None else _word(rows, "--rows", RowType),
    )
    _show(lambda progress: run_import(files, out, naming, columns, progress), as_json=as_json)


def _naming(
    symbol: str | None, kind: str | None, tick: str | None, lot: str | None, contract_size: str | None
) -> Naming:
    from bot.feed.instrument_names import Naming
    from bot.types import InstrumentKind

    return Naming(
        symbol=symbol,
        kind=None if kind is None else _word(kind, "--kind", InstrumentKind),
        tick_size=_decimal(tick, "--tick"),
        lot_size=_decimal(lot, "--lot"),
        contract_size=_decimal(contract_size, "--contract-size"),
    )


def _decimal(text: str | None, option: str) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise UserError(f"{option} should be a number such as 0.01, was {text!r}") from None


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UserError(f"--date should be such as 2012-06-21, was {text!r}") from None


def _column(text: str, option: str) -> tuple[str, TimeUnit]:
    from bot.feed.csv_columns import TimeUnit

    name, colon, unit = text.rpartition(":")
    return (name, _word(unit, option, TimeUnit)) if colon else (text, TimeUnit.AUTO)


def _meanings(text: str, option: str, words: type[_Word]) -> dict[str, _Word]:
    meanings = {}
    for pair in text.split(",") if text else ():
        word, equals, meaning = pair.rpartition("=")
        if not equals or not word.strip():
            raise UserError(f"{option} should be WORD=MEANING, with commas between, was {text!r}")
        meanings[word.strip()] = _word(meaning.strip(), option, words)
    return meanings


def _word(text: str, option: str, words: type[_Word]) -> _Word:
    if text not in list(words):
        raise UserError(f"{option} should be one of {', '.join(words)}, was {text!r}")
    return words(text)


def _show(run: Callable[[Progress], ImportReport], *, as_json: bool) -> None:
    """Run an import with its progress on standard error, then print its report."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from bot.console import recordings
    from bot.console.documents import show

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # In a file or a pipe a bar would leave nothing but an empty line.
    with Bar(*columns, console=console, transient=True, disable=as_json or not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)

        def progress(done: int, total: int) -> None:
            words = "reading" if done < total else "writing"
            bar.update(task, completed=done, total=total, description=words)

        report = run(progress)
    show(recordings.import_table(report), report, as_json=as_json)
