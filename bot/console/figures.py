"""Numbers, times and durations as a person reads and writes them: one form each, in all tables."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from bot.errors import UserError

NO_VALUE: Final = "–"
MINUS: Final = "−"  # as wide as a plus, so that columns of P&L stay aligned

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
DAY_NS: Final = 86_400_000_000_000
_S_NS: Final = 1_000_000_000


def moment_ns(text: str, near_ns: int, name: str) -> int:
    """Read a moment: `12:03:05` (UTC, of the day of `near_ns`), an ISO time or nanoseconds since 1970.

    Raises:
        UserError: it is none of them; the line names `name`.
    """
    plain = text.strip()
    clock = _CLOCK.fullmatch(plain)
    if clock is not None:
        hours, minutes, seconds = (int(part or 0) for part in clock.group(1, 2, 3))
        if hours < 24 and minutes < 60 and seconds < 60:
            fraction = int((clock.group(4) or "").ljust(9, "0"))
            of_day = ((hours * 60 + minutes) * 60 + seconds) * _S_NS + fraction
            return near_ns // DAY_NS * DAY_NS + of_day
    elif plain.isdecimal() and len(plain) > 8:  # eight digits are an ISO day
        return int(plain)
    else:
        try:
            return _ns_of(datetime.fromisoformat(plain))
        except ValueError:
            pass
    raise UserError(f"{name} should be a time such as 12:03:05, 2026-01-31T12:03:05Z or nanoseconds, was {text!r}")


def _ns_of(moment: datetime) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _S_NS + since.microseconds * 1_000


def iso(ns: int) -> str:
    """ISO time in UTC with nine decimals of a second, so that nothing of the stamp is lost."""
    seconds, rest = divmod(ns, _S_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def clock(ns: int) -> str:
    """Time of day in UTC to the millisecond, as in `12:03:05.123`."""
    return iso(ns)[11:23]


def day_and_clock(ns: int) -> str:
    """Day and time of day in UTC to the second, as in `2026-01-31 12:03:05`."""
    return iso(ns)[:19].replace("T", " ")


def elapsed(seconds: float) -> str:
    """A stretch of time in at most two units, as in `0.4s`, `12s`, `2m05s`, `3h07m`, `2d04h`."""
    if not math.isfinite(seconds):
        return NO_VALUE
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def money(value: Decimal, *, signed: bool = False, places: int = 2) -> str:
    """An amount with thousands separated, as in `−1,234.50`; with `signed` a gain has its plus."""
    rounded = round(value, places)
    text = f"{abs(rounded):,.{places}f}"
    if rounded < 0:
        return MINUS + text
    return f"+{text}" if signed and rounded > 0 else text


def exact(value: Decimal) -> str:
    """A price or a size with all its digits and no trailing zeros of a fraction."""
    text = f"{value:,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS)


def price(value: float) -> str:
    """A price to eight digits that matter, without an exponent."""
    if not math.isfinite(value) or value == 0:
        return NO_VALUE if value else "0"
    return f"{value:,.{max(0, 7 - math.floor(math.log10(abs(value))))}f}".rstrip("0").rstrip(".")


def figure(value: float) -> str:
    """A signal or a gate's value to four digits that matter, and never less than two decimals of a large one."""
    if not math.isfinite(value):
        return NO_VALUE
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.1e}".replace("-", MINUS, 1)
    places = max(2, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS)


def counted(number: int, noun: str) -> str:
    """A number with its noun, as in `1 fill` or `1,200 fills`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def words(name: str) -> str:
    """A stored name as a person reads it, as in `partially filled`."""
    return name.replace("_", " ")


def size_of(count_bytes: int) -> str:
    """A number of bytes in the largest unit that it has one of, as in `34 kB` or `2.5 MB`."""
    for unit, unit_bytes in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count_bytes >= unit_bytes:
            value = count_bytes / unit_bytes
            return f"{value:,.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{count_bytes} B"


def printable(text: str) -> str:
    """Text of an exchange or a strategy without anything that a terminal would obey, on one line."""
    return "".join(letter if letter.isprintable() else "·" for letter in " ".join(text.split()))
