"""The latency of a paper venue as config.toml has it: one duration, a table of round trips, or as it is measured.

A table is read once, when the configuration is, and takes the place of its file's name: what is stored with a run
says all that its replay needs.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from bot.config_values import Exact, spelled_duration
from bot.types import NS_PER_MS

MEASURED: Final = "measured"
"""Orders take as long as the newest round trip that the feed told of."""

UNTOLD: Final = "50ms"
"""What orders take until the first round trip is told: nothing is ever sent at no latency by accident."""

_FILE: Final = "file:"
_KEY: Final = "paper.latency"
_MOST: Final = 10_000  # they are stored with every run
_LONGEST_MS: Final = 3_600_000
_EXPECTED: Final = (
    'should be a duration such as "50ms", "measured", or a table of milliseconds such as "file:latencies.csv"'
)


def waits_ns(latency: str | tuple[Decimal, ...]) -> tuple[int, ...]:
    """Return the round trips of a table in ns; none when the latency is one duration."""
    return () if isinstance(latency, str) else tuple(int(wait * NS_PER_MS) for wait in latency)


def _latency(given: Any) -> Any:
    if given == MEASURED:
        return MEASURED
    if isinstance(given, str):
        return _read(given.removeprefix(_FILE)) if given.startswith(_FILE) else _duration(given)
    if isinstance(given, list | tuple) and given:
        return tuple(_milliseconds(str(wait), f"{_KEY}, entry {number}") for number, wait in enumerate(given, 1))
    raise ValueError(_EXPECTED)


def _duration(text: str) -> str:
    try:
        return spelled_duration(text)
    except ValueError:
        raise ValueError(_EXPECTED) from None


def _read(name: str) -> tuple[Decimal, ...]:
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise _wrong(
            f"{_KEY} should name a file with one round trip in milliseconds a line, {name} was not found"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"{_KEY} should name a file of text, {name} could not be read: {_why(error)}") from None
    waits = tuple(_milliseconds(line, f"{name}, line {at}") for at, line in enumerate(lines, 1) if line.strip())
    if not 0 < len(waits) <= _MOST:
        raise _wrong(f"{name} should have 1 to {_MOST} round trips, one a line, had {len(waits)}")
    return waits


def _why(error: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error.strerror)


def _milliseconds(text: str, where: str) -> Decimal:
    try:
        wait = Decimal(text.strip())
    except InvalidOperation:
        wait = Decimal("NaN")
    if not wait.is_finite() or not 0 <= wait <= _LONGEST_MS or wait * NS_PER_MS % 1 != 0:
        bound = f"from 0 to {_LONGEST_MS}, in whole nanoseconds"
        raise _wrong(f"{where}: a round trip should be milliseconds {bound}, was {text.strip()!r}")
    return wait


def _wrong(text: str) -> PydanticCustomError:
    return PydanticCustomError("misfit", "{text}", {"text": text, "key": _KEY})


Latency = Annotated[str | tuple[Exact, ...], BeforeValidator(_latency)]
"""A duration that may be 0, `measured`, a table of round trips in milliseconds, or `file:` and the name of one."""
