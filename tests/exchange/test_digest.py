"""The accounts' hash covers all that they own: whatever differs, it differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from bot.exchange.accounts.account import Account, Income, IncomeKind, OwnFill
from bot.exchange.digest import Digest, TradeHash
from bot.exchange.listing import PublicTrade
from tests.exchange.venue import Venue


def _traded() -> Venue:
    """An account that filled one order, has another in the book, and paid once for something else."""
    venue = Venue()
    venue.quote("BTCUSDT", "999.9", "1000.1")
    venue.order(1, "1", "1000.1")
    venue.order(1, "1", "990.0")
    venue.accounts[0].receive(IncomeKind.FUNDING_FEE, "BTCUSDT", Decimal(-1), 0)
    return venue


@pytest.mark.parametrize("name", [field.name for field in fields(OwnFill)])
def test_every_field_of_a_fill_counts(name: str) -> None:
    venue = _traded()
    digest, fills = Digest(venue.exchange), venue.accounts[0].fills
    before = digest.accounts()
    changed: dict[str, Any] = {name: "another"}
    fills[0] = replace(fills[0], **changed)
    assert digest.accounts() != before


@pytest.mark.parametrize("name", [field.name for field in fields(Income)])
def test_every_field_of_a_change_of_cash_counts(name: str) -> None:
    venue = _traded()
    digest, income = Digest(venue.exchange), venue.accounts[0].income
    before = digest.accounts()
    changed: dict[str, Any] = {name: "another"}
    income[0] = replace(income[0], **changed)
    assert digest.accounts() != before


def _more_cash(account: Account) -> None:
    account.cash += Decimal("0.00000001")


def _shorter_queue(account: Account) -> None:
    next(iter(account.open.values())).order.left -= 1


def _earlier_end(account: Account) -> None:
    next(iter(account.closed.values())).updated_ms -= 1


def _other_cost(account: Account) -> None:
    account.positions["BTCUSDT"].cost += 1


def _other_leverage(account: Account) -> None:
    account.leverage["BTCUSDT"] = 7


def _countdown(account: Account) -> None:
    account.countdowns["BTCUSDT"] = 1


@pytest.mark.parametrize("change", [_more_cash, _shorter_queue, _earlier_end, _other_cost, _other_leverage, _countdown])
def test_whatever_else_an_account_has_counts(change: Callable[[Account], None]) -> None:
    venue = _traded()
    digest = Digest(venue.exchange)
    before = digest.accounts()
    assert digest.accounts() == before
    change(venue.accounts[0])
    assert digest.accounts() != before


@pytest.mark.parametrize("name", ["trade_id", "price", "lots", "sign", "time_ms"])
def test_every_field_of_a_public_trade_counts(name: str) -> None:
    trade = PublicTrade(trade_id=1, price=10, lots=5, sign=1, first_id=1, last_id=1, time_ms=1_000)
    changed: dict[str, Any] = {name: -1}
    one, other = TradeHash("BTCUSDT"), TradeHash("BTCUSDT")
    one.add(trade)
    other.add(trade._replace(**changed))

    assert one.hexdigest() != other.hexdigest()
    assert one.hexdigest() != TradeHash("BTCUSDT").hexdigest()
