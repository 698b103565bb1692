"""The rare inputs of a tape, one JSON line each in `facts.jsonl`: facts and feed reports.

They keep their run-wide `seq`, by which a reader merges them with the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from bot.errors import TapeError
from bot.types import Fact, FeedReport

FACTS_NAME: Final = "facts.jsonl"

RareInput = Fact | FeedReport


def fact_line(rare: RareInput) -> str:
    """One line of JSON with its newline; decimals as exact strings."""
    entry: dict[str, Any] = {"type": "fact" if isinstance(rare, Fact) else "feed_report", **asdict(rare)}
    if isinstance(rare, Fact):
        entry["value"] = str(rare.value)
    return json.dumps(entry, separators=(",", ":")) + "\n"


def read_facts(folder: Path) -> Iterator[RareInput]:
    """Read the rare inputs of a tape in their order; a last line cut off by a kill is dropped.

    Raises:
        TapeError: a line before the last is damaged.
    """
    path = folder / FACTS_NAME
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                return
            try:
                yield _parse(json.loads(line))
            except (KeyError, TypeError, ValueError, InvalidOperation) as error:
                raise TapeError(
                    f"{path} line {number} is damaged ({error!r}): remove it or record the tape again"
                ) from None


def has_cut_line(folder: Path) -> bool:
    """Whether the last line was cut off while it was written."""
    path = folder / FACTS_NAME
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def _parse(entry: dict[str, Any]) -> RareInput:
    shape = entry.pop("type")
    if shape == "fact":
        return Fact(**{**entry, "value": Decimal(entry["value"])})
    if shape == "feed_report":
        return FeedReport(**entry)
    raise ValueError(f"type should be fact or feed_report, was {shape}")
