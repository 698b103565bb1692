"""What a lane traded on each day, for fees that follow the volume."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine

from bot.types import NS_PER_S, Side
from storage.volumes import daily_volumes
from tests.storage.samples import START_NS, begin, fill, read, written
from tests.storage.worked_day import DAY_S


def test_the_worked_day_is_added_up_by_utc_day(traded: Engine) -> None:
    day = START_NS // NS_PER_S // DAY_S

    assert daily_volumes(traded, "paper", "queue") == {day: Decimal("62.20"), day + 1: Decimal("56.50")}
    assert daily_volumes(traded, "paper", "touch") == {}


def test_runs_before_count_and_an_account_begun_anew_has_no_volume(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        for number in (1, 2):
            begin(journal)
            journal.write([fill(number, Side.BUY, 10, 200)])
            journal.commit(durable=True)
        assert list(daily_volumes(engine, "paper", "queue").values()) == [Decimal(20)]

        journal.fresh_account("paper", "USDT", Decimal(10_000), START_NS)
        assert daily_volumes(engine, "paper", "queue") == {}
