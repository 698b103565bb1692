"""Rows are chosen by filters, newest kept, and go into a frame."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine

from bot.types import OrderStatus
from storage import tradelog
from storage.trips import round_trips
from tests.storage.samples import (
    BTC,
    LANE,
    begin,
    intent,
    order_event,
    read,
    written,
)


def test_filters_choose_and_a_limit_keeps_the_newest(traded: Engine) -> None:
    assert [trade.fill.fill_id for trade in tradelog.fills(traded, limit=2)] == ["t4", "t5"]
    assert tradelog.fills(traded, run=2) == []
    assert tradelog.fills(traded, account="live") == []
    assert len(tradelog.fills(traded, run=1, lane=LANE, symbol=BTC.symbol, account="paper")) == 5
    assert round_trips(traded, symbol="ETH/USDT:USDT") == []


def test_an_order_that_no_one_closed_is_open_also_when_the_next_run_learns_more(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        run = begin(journal)
        journal.write([intent(1), intent(2), intent(3), order_event(1, OrderStatus.OPEN)])
        journal.write([order_event(1, OrderStatus.FILLED, 10), order_event(2, OrderStatus.PARTIALLY_FILLED, 4)])
        journal.commit(durable=True)
        still_open = tradelog.open_orders(engine, run)

        assert [(order.intent.client_id, order.status, order.filled_lots) for order in still_open] == [
            ("ib-2", OrderStatus.PARTIALLY_FILLED, 4),
            ("ib-3", OrderStatus.IN_FLIGHT, 0),
        ]
        assert (still_open[0].price, still_open[0].size) == (Decimal(100), Decimal("0.10"))

        begin(journal)
        journal.write([order_event(2, OrderStatus.CANCELED, 4)])
        journal.commit(durable=True)

        assert [order.intent.client_id for order in tradelog.open_orders(engine, run)] == ["ib-3"]


def test_a_frame_has_one_column_a_field(traded: Engine) -> None:
    frame = tradelog.to_frame(tradelog.fills(traded))

    assert list(frame["notional"]) == [Decimal(text) for text in ("10.000", "31.200", "21.000", "47.500", "9.000")]
    assert {"run", "account", "symbol", "price", "fee", "reason"} <= set(frame.columns)
