"""Any SQL tool shows the numbers of the worked day."""

from __future__ import annotations

from sqlalchemy import Engine

from tests.storage.samples import (
    shown,
)


def test_the_trade_log_is_readable_without_any_tool_of_ours(traded: Engine) -> None:
    third = shown(traded, "SELECT * FROM trade_log")[2]

    assert third == {
        "time": "2023-11-14T22:13:23.000000Z",
        "run": 1,
        "account": "paper",
        "lane": "queue",
        "symbol": "BTC/USDT:USDT",
        "side": "sell",
        "price": 105.0,
        "size": 0.2,
        "notional": 21.0,
        "fee": 0.02,
        "fee_asset": "USDT",
        "liquidity": "taker",
        "realised": 0.4,
        "position": 0.2,
        "reason": "book leans up",
        "client_id": "ib-3",
        "fill_id": "t3",
    }


def test_the_positions_view_shows_size_average_and_what_was_earned(traded: Engine) -> None:
    assert shown(traded, "SELECT * FROM positions") == [
        {
            "account": "paper",
            "lane": "queue",
            "symbol": "BTC/USDT:USDT",
            "size": -0.2,
            "average_entry": 95.0,
            "realised": -0.7,
            "fees": 0.12,
            "funding": -0.35,
        }
    ]


def test_the_daily_view_adds_up_fills_fees_and_funding_of_each_utc_day(traded: Engine) -> None:
    day, next_day = shown(traded, "SELECT * FROM daily_pnl")

    assert (day["day"], day["fills"], day["notional"], day["realised"], day["fees"]) == (
        "2023-11-14",
        3,
        62.2,
        0.4,
        0.06,
    )
    assert (day["funding"], day["net"], day["equity"]) == (-0.25, 0.09, 10001.0)
    assert (next_day["day"], next_day["fills"], next_day["notional"]) == ("2023-11-15", 2, 56.5)
    assert (next_day["realised"], next_day["fees"], next_day["funding"]) == (-1.1, 0.06, -0.1)
    assert (next_day["net"], next_day["equity"]) == (-1.26, 9996.0)
