"""A beginning of a name will do where it can mean one thing only."""

from __future__ import annotations

import pytest

from bot.nearest import meant_by

KNOWN = ("BTC/USDT", "BTC/USDT:USDT", "BTCDOM/USDT:USDT", "ETH/USDT:USDT")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("eth", ["ETH/USDT:USDT"]),
        ("ETH/USDT", ["ETH/USDT:USDT"]),
        ("btc/usdt", ["BTC/USDT"]),
        ("BTC/", []),
        ("ETH/USD", []),
        ("BTC", ["BTC/USDT", "BTC/USDT:USDT", "BTCDOM/USDT:USDT"]),
        ("XRP", []),
    ],
)
def test_a_beginning_means_what_begins_with_it_and_no_other_currency(asked: str, meant: list[str]) -> None:
    assert meant_by(asked, KNOWN) == meant
