"""Turn records into rows of their table and back, so that each field is stored and read in one way.

Values are made plain here, where a bad one still has its name, not at the commit, where it would hold up all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar, get_type_hints

import orjson
from sqlalchemy import RowMapping, Table

from bot.types import (
    Command,
    Decision,
    Denial,
    EquityPoint,
    Fill,
    Funding,
    Incident,
    Instrument,
    Intent,
    OrderEvent,
    Overrun,
)
from storage import schema
from storage.decisions import Checkpoint, StretchStart

Row = dict[str, Any]
Stored = TypeVar("Stored")
_Encode = Callable[[Any, str], object]
_Decode = Callable[[Any], object]
_Codec = tuple[_Encode, _Decode]

TABLES: Final[Mapping[type, Table]] = {
    Checkpoint: schema.checkpoints,
    Decision: schema.decisions,
    Denial: schema.denials,
    EquityPoint: schema.equity,
    Fill: schema.fills,
    Funding: schema.funding,
    Incident: schema.incidents,
    Instrument: schema.instruments,
    Intent: schema.intents,
    OrderEvent: schema.order_events,
}

_INPUTS: Final[Mapping[str, type[Command] | type[Overrun]]] = {"command": Command, "overrun": Overrun}
_COLUMNS: Final[Mapping[str, str]] = {"limit": "limit_name", "values": "gate_values"}
_LARGEST: Final = 2**63 - 1


def row_of(record: object) -> Row:
    """Return the columns of a record, plain and ready to be stored.

    Raises:
        ValueError: a number does not fit in 64 bits, or a decimal is not finite.
    """
    return {column: encode(getattr(record, name), name) for name, column, encode, _ in _FIELDS[type(record)]}


def record_of(kind: type[Stored], row: RowMapping | Row) -> Stored:
    """Return the record that a row of the table of `kind` holds."""
    return kind(**{name: decode(row[column]) for name, column, _, decode in _FIELDS[kind]})


def stretch_row(start: StretchStart) -> Row:
    """Return the columns of a decision that begins a stretch."""
    return row_of(start.decision) | {
        "number": start.number,
        "previous_count": start.previous_count,
        "previous_last_ns": start.previous_last_ns,
    }


def input_row(entered: Command | Overrun) -> Row:
    """Return the columns of a command or an overrun: what is not common to all inputs goes to `payload`."""
    row = row_of(entered)
    seq, local_ns = row.pop("seq"), row.pop("local_ns")
    kind = "command" if isinstance(entered, Command) else "overrun"
    return {"seq": seq, "local_ns": local_ns, "kind": kind, "payload": orjson.dumps(row).decode()}


def input_of(row: RowMapping) -> Command | Overrun:
    """Return the command or overrun that a row of `inputs` holds."""
    payload = orjson.loads(row["payload"])
    return _INPUTS[row["kind"]](seq=row["seq"], local_ns=row["local_ns"], **payload)


def decimal_text(value: Decimal, name: str = "value") -> str:
    """Return a decimal as it is stored: all its digits, no exponent.

    Raises:
        ValueError: it is not finite.
    """
    if not value.is_finite():
        raise ValueError(f"{name} should be a finite number, was {value}")
    return format(value, "f")


def _whole(value: int, name: str) -> int:
    plain = int(value)  # kernels hand out NumPy integers, which no driver takes
    if not -_LARGEST <= plain <= _LARGEST:
        raise ValueError(f"{name} should fit in 64 bits, was {plain}")
    return plain


def _words(value: str, _name: str) -> str:
    # A lone surrogate, which an exchange's JSON may hold, cannot be stored as UTF-8.
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def _floats(value: Mapping[str, float], _name: str) -> str:
    return orjson.dumps(dict(value), option=orjson.OPT_SERIALIZE_NUMPY).decode()  # writes NaN as null


def _floats_back(text: str) -> dict[str, float]:
    return {name: math.nan if value is None else float(value) for name, value in orjson.loads(text).items()}


def _codec(hint: Any) -> _Codec:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return (lambda value, _name: value.value), hint
    codecs: Mapping[Any, _Codec] = {
        int: (_whole, int),
        bool: (lambda value, _name: bool(value), bool),
        str: (_words, str),
        Decimal: (decimal_text, Decimal),
        Mapping[str, float]: (_floats, _floats_back),
    }
    return codecs[hint]


def _fields_of(kind: type) -> tuple[tuple[str, str, _Encode, _Decode], ...]:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    return tuple((name, _COLUMNS.get(name, name), *_codec(hints[name])) for name in names)


_FIELDS: Final = {kind: _fields_of(kind) for kind in (*TABLES, Command, Overrun)}
