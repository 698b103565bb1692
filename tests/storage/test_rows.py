"""What is stored is what is read: every record type, any value, through a real database."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert, select

from bot.types import Command, EquityPoint, Overrun
from storage.rows import TABLES, input_of, input_row, record_of, row_of
from storage.schema import inputs, metadata
from tests.storage.samples import LANE, decision, denial, intent

WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
EXACT = st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**15), max_value=10**15)
FLOATS = st.dictionaries(TEXT, st.floats(allow_infinity=False), max_size=4)


VALUES: Mapping[Any, st.SearchStrategy[Any]] = {int: WHOLE, str: TEXT, Decimal: EXACT, Mapping[str, float]: FLOATS}
KINDS = (*TABLES, Command, Overrun)


def any_of(kind: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: VALUES.get(hint, st.from_type(hint)) for name, hint in hints.items()})


@pytest.fixture(scope="module")
def tables() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def same(left: object, right: object) -> bool:
    """Equal, with NaN equal to itself."""
    return repr(left) == repr(right) or left == right


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_record_comes_back_from_the_database_as_it_was(kind: type, tables: Connection) -> None:
    @settings(max_examples=40, deadline=None)
    @given(any_of(kind))
    def check(record: object) -> None:
        assert same(record, _through(tables, record))

    check()


def _through(connection: Connection, record: Any) -> object:
    kind = type(record)
    is_input = isinstance(record, Command | Overrun)
    table = inputs if is_input else TABLES[kind]
    row = input_row(record) if is_input else row_of(record)
    filler = {"run_id": 1, "account_id": 1, "number": 1, "previous_count": 0, "previous_last_ns": 0, "local_ns": 0}
    columns = {name: value for name, value in filler.items() if name in table.c} | row
    with connection.begin_nested():
        connection.execute(table.delete())
        connection.execute(insert(table), columns)
        stored = connection.execute(select(table)).mappings().one()
    return input_of(stored) if is_input else record_of(kind, stored)


def test_numbers_of_numpy_are_stored_as_plain_ones() -> None:
    lots: Any = np.int64(3)
    row = row_of(intent(lots=lots))

    assert type(row["lots"]) is int


def test_a_decimal_is_stored_with_all_digits_and_no_exponent() -> None:
    point = EquityPoint(LANE, 1, 2, *(Decimal(text) for text in ("1E+3", "0.10", "-0.00000001", "0E-8", "1", "7")))

    assert [row_of(point)[name] for name in ("equity", "cash", "realised", "unrealised")] == [
        "1000",
        "0.10",
        "-0.00000001",
        "0.00000000",
    ]


def test_a_number_that_cannot_be_stored_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="lots should fit in 64 bits, was 9223372036854775808"):
        row_of(intent(lots=2**63))
    with pytest.raises(ValueError, match="equity should be a finite number, was NaN"):
        row_of(EquityPoint(LANE, 1, 2, Decimal("NaN"), *[Decimal(0)] * 5))


def test_text_that_utf8_cannot_hold_is_stored_escaped() -> None:
    broken = denial(1, limit="bad \ud800 text")

    assert row_of(broken)["limit_name"] == "bad \\ud800 text"


def test_a_signal_without_a_value_is_stored_as_null() -> None:
    row = row_of(decision(1, signals={"a": math.nan, "b": 1.0}))

    assert row["signals"] == '{"a":null,"b":1.0}'
