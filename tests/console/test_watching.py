"""What the screen knows of a run: its own share of the account's P&L, and what happened lately."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bot.trading.portfolio import Portfolio
from bot.types import EquityPoint, Execution, Fill, Incident, Instrument, InstrumentKind, Liquidity, Side
from bot.watching import Watch
from tests.console.screens import BTC, NOON_NS

MAKER: Final = Liquidity.MAKER
INSTRUMENT = Instrument(BTC, InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))


def account() -> Portfolio:
    """An account of 10,000 that holds 2 BTC bought at 50,000 in an earlier run, and has lost 100 in another symbol."""
    portfolio = Portfolio({BTC: INSTRUMENT}, Decimal(10_000), carried=Decimal(-100))
    portfolio.positions[BTC].book(2_000, 500_000)
    return portfolio


def sold(portfolio: Portfolio, lots: int, price_ticks: int, fee: str) -> Fill:
    execution = Execution(BTC, "id", "id-1", 1, NOON_NS, Side.SELL, price_ticks, lots, Decimal(fee), "USDT", MAKER)
    return portfolio.book(execution, "queue")


def noted(portfolio: Portfolio) -> EquityPoint:
    nothing = Decimal(0)
    return EquityPoint("queue", 1, NOON_NS, portfolio.equity, portfolio.cash, nothing, nothing, nothing, nothing)


def test_a_run_has_earned_what_came_since_its_equity_was_first_noted() -> None:
    watch, portfolio = Watch("queue"), account()

    assert watch.before("queue", portfolio) == -100
    portfolio.mark(BTC, 500_100, 500_120)  # a mid of 50,011: 22 of it were earned before
    assert watch.before("queue", portfolio) == -78
    watch.take([noted(portfolio)])
    portfolio.mark(BTC, 500_300, 500_320)
    watch.take([noted(portfolio)])
    assert watch.before("queue", portfolio) == -78


def test_what_a_run_traded_before_anybody_looked_is_its_own() -> None:
    watch, portfolio = Watch("queue"), Portfolio({BTC: INSTRUMENT}, Decimal(10_000))
    portfolio.mark(BTC, 500_000, 500_020)
    watch.take([noted(portfolio), sold(portfolio, 1_000, 500_000, "10")])

    assert watch.before("queue", portfolio) == 0
    assert portfolio.equity == 9_989  # the fee, and a tick from the price to the mid
    assert watch.fees("queue") == 10


def test_the_state_of_now_is_not_repeated_among_the_incidents() -> None:
    watch = Watch("queue")
    for kind in ("halted", "active", "unguarded"):
        watch.take([Incident("queue", "", 1, NOON_NS, kind, "words")])

    assert watch.incidents() == ("12:00:00 UTC unguarded: words",)
