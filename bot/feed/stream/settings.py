"""How streams are judged: when silence is suspicious, and how often they are compared with polled answers."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bot.errors import ConfigError


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Spans in real seconds; `depth` is levels a side.

    A connection without a frame for `silent_after_s` is dead (a ping goes out every second). A symbol without an update
    for `quiet_after_s` is compared with a polled book, and any symbol every `audit_every_s`, its trades every
    `trades_audit_every_s`; two such requests are at least `probe_apart_s` from each other. A stream may be `grace_s`
    behind an answer. A subscription that gave no book within `sync_limit_s` is made anew, and two are begun at least
    `sync_apart_s` (0: at once) from each other, since a whole book is the dearest request of all. With `fall_back` a
    symbol is polled while its stream is not in step. `same_numbers` says that the exchange numbers the updates of
    streams and polled books alike, so that two of one number have to be equal.
    """

    depth: int = 20
    silent_after_s: float = 2.2
    quiet_after_s: float = 1.0
    audit_every_s: float = 10.0
    trades_audit_every_s: float = 15.0
    probe_apart_s: float = 0.05
    grace_s: float = 0.5
    sync_limit_s: float = 2.0
    sync_apart_s: float = 0.0
    fall_back: bool = False
    same_numbers: bool = True

    def __post_init__(self) -> None:
        """Refuse a span that could not be kept.

        Raises:
            ConfigError: a value is not above 0.
        """
        for field in fields(self):
            if field.name not in ("sync_apart_s", "fall_back", "same_numbers") and getattr(self, field.name) <= 0:
                raise ConfigError(f"{field.name} should be above 0, was {getattr(self, field.name)}")
