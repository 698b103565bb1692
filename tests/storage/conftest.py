"""A database with the worked day in it, and an empty one to write to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.database import open_writer
from tests.storage.samples import (
    begin,
    equity_point,
    funding,
    intent,
    read,
    url_of,
    written,
)
from tests.storage.worked_day import DAY_S, FILLS


@pytest.fixture
def traded(tmp_path: Path) -> Iterator[Engine]:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        begin(journal)
        for each in FILLS:
            journal.write([intent(each.seq, each.side, each.lots, each.price_ticks), each])
        journal.write([equity_point(3, "9999.5"), equity_point(6, "9998", "-0.25"), equity_point(7, "10001", "-0.25")])
        journal.write([equity_point(8, "9997", "-0.35", at_s=DAY_S), equity_point(9, "9996", "-0.35", at_s=DAY_S + 2)])
        journal.write([funding(6, "-0.25", 20), funding(8, "-0.10", -30, at_s=DAY_S + 1)])
        journal.commit(durable=True)
        yield engine


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Engine]:
    engine = open_writer(url_of(tmp_path))
    yield engine
    engine.dispose()
