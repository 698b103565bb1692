"""What a tape says about itself: `tape.json`, with instruments as exact decimal strings.

Kept apart from the rows so that a tape can be named and refused without reading a single one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum, unique
from pathlib import Path
from typing import Any, Final

from bot.errors import TapeError
from bot.types import Instrument, InstrumentKind

FORMAT_VERSION: Final = 1
HEADER_NAME: Final = "tape.json"

# `TapeHeader.source` of a tape that a run of the bot recorded; such a tape holds its CLOCK rows already.
RECORDED_BY_RUN: Final = "run"


@unique
class Sampling(StrEnum):
    """How the market was seen: every event of its streams, or snapshots with events between them unseen."""

    EVENT = "event"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class TapeHeader:
    """What a tape holds and where it comes from.

    `source` is `RECORDED_BY_RUN` or names what made the tape (`binance`, `synthetic`). `created_ns` is local time. An
    instrument whose grid changed stands once per epoch; rows carry the index into `instruments`.
    """

    name: str
    source: str
    sampling: Sampling
    created_ns: int
    instruments: tuple[Instrument, ...] = ()
    notes: tuple[str, ...] = ()


def save_header(folder: Path, header: TapeHeader) -> None:
    """Write `tape.json` so that a reader sees the old or the new one, never half of it."""
    target = folder / HEADER_NAME
    part = target.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(_to_json(header), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)


def load_header(folder: Path) -> TapeHeader:
    """Read `tape.json`.

    Raises:
        TapeError: the folder is no tape, of another format version, or its header is damaged.
    """
    path = folder / HEADER_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise TapeError(f"a tape is a folder with a {HEADER_NAME}; {folder} has none: check the path") from None
    except (OSError, ValueError) as error:
        raise TapeError(f"{path} should be readable JSON, but {error}: import or record the tape again") from None
    version = content.get("version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise TapeError(
            f"{path} should be of tape format {FORMAT_VERSION}, was {version!r}: read it with the program that wrote it"
        )
    try:
        return _from_json(content)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise TapeError(f"{path} is damaged at {error}: import or record the tape again") from None


def instrument_to_json(instrument: Instrument) -> dict[str, Any]:
    """Write an instrument with its steps as exact decimal strings without exponent."""
    return {
        "symbol": instrument.symbol,
        "kind": instrument.kind.value,
        "base": instrument.base,
        "quote": instrument.quote,
        "tick_size": format(instrument.tick_size, "f"),
        "lot_size": format(instrument.lot_size, "f"),
        "min_notional": format(instrument.min_notional, "f"),
        "contract_size": format(instrument.contract_size, "f"),
        "epoch": instrument.epoch,
    }


def _instrument_from_json(entry: dict[str, Any]) -> Instrument:
    return Instrument(
        symbol=str(entry["symbol"]),
        kind=InstrumentKind(entry["kind"]),
        base=str(entry["base"]),
        quote=str(entry["quote"]),
        tick_size=_positive(entry["tick_size"]),
        lot_size=_positive(entry["lot_size"]),
        min_notional=Decimal(entry["min_notional"]),
        contract_size=_positive(entry["contract_size"]),
        epoch=int(entry["epoch"]),
    )


def _positive(text: str) -> Decimal:
    value = Decimal(text)
    if not (value.is_finite() and value > 0):
        raise ValueError(f"a step that should be > 0, was {text}")
    return value


def _to_json(header: TapeHeader) -> dict[str, Any]:
    return {
        "version": FORMAT_VERSION,
        "name": header.name,
        "source": header.source,
        "sampling": header.sampling.value,
        "created_ns": header.created_ns,
        "instruments": [instrument_to_json(instrument) for instrument in header.instruments],
        "notes": list(header.notes),
    }


def _from_json(content: dict[str, Any]) -> TapeHeader:
    return TapeHeader(
        name=str(content["name"]),
        source=str(content["source"]),
        sampling=Sampling(content["sampling"]),
        created_ns=int(content["created_ns"]),
        instruments=tuple(_instrument_from_json(entry) for entry in content["instruments"]),
        notes=tuple(str(note) for note in content["notes"]),
    )
