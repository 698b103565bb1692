"""A database of any older version is brought up to date by the next start, with what was in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from storage import database
from storage.database import open_writer, reading
from storage.holdings import positions
from tests.storage.as_meant import assert_tables_as_meant
from tests.storage.samples import url_of


def made_by(revision: str, folder: Path) -> None:
    """Make the database that a version of ours with this revision left behind: one run that opened with a position."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    settings.set_main_option("path_separator", "os")
    engine = create_engine(url_of(folder))
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        # The views of today name columns that were not there.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("storage.views.create_views", lambda connection: None)
            command.upgrade(settings, revision)
    engine.dispose()
    with closing(sqlite3.connect(folder / "imbalance.db")) as old:
        old.executescript(_ONE_RUN)
        old.commit()


_ONE_RUN = """
INSERT INTO accounts VALUES (1, 'paper', 'USDT', '10000', 0, 'active', '', '', 0);
INSERT INTO sources VALUES ('5eed', 'text');
INSERT INTO runs VALUES (1, 1, NULL, 0, 1, 'done', 'paper', '{}', 'c', 's', '5eed', '0.1', 7, '', '', '{}', 1, 0);
INSERT INTO openings VALUES (1, 1, 'queue', '10000', '0', '0', '0', '10000', -1, '10000');
INSERT INTO opening_positions (run_id, lane, symbol, lots, size, entry_cost, realised, fees, contract_size)
VALUES (1, 'queue', 'BTC/USDT:USDT', 10, '0.10', '9.00', '0.5', '0.1', '1');
"""


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_older_database_gets_the_newest_tables_and_keeps_its_rows(revision: str, tmp_path: Path) -> None:
    made_by(revision, tmp_path)

    engine = open_writer(url_of(tmp_path))
    with reading(engine) as connection:
        assert_tables_as_meant(connection)
        assert connection.exec_driver_sql("SELECT funding FROM positions").scalars().all() == [0.0]
    (held,) = positions(engine)
    engine.dispose()

    assert (held.holding.lots, str(held.holding.realised), str(held.holding.funding)) == (10, "0.5", "0")
