"""What a person asked of one paper run on the command line, beside the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """How one paper run is to go.

    `for_ns` ends it after that long (None: until it is stopped). `fresh` begins a new account, `flatten` closes the
    position at the end. `replay` takes the market from a tape, `speed` times as fast as it was recorded (None: as fast
    as it can). `plain` prints lines in place of the dashboard; `as_json` prints one JSON document at the end.
    """

    for_ns: int | None = None
    fresh: bool = False
    flatten: bool = False
    replay: Path | None = None
    speed: float | None = 1.0
    plain: bool = False
    as_json: bool = False
