"""The error tree, split by what the caller must do.

BotError                  something this project raises on purpose; its text is one line for a user
├── UserError             the user can mend it: exit code 2
│   ├── ConfigError       a key, a value or a parameter is wrong
│   ├── StrategyNotFound  the strategy could not be found or loaded
│   ├── NotCompilable     the strategy does what cannot be translated to machine code
│   └── TapeError         a tape is missing, truncated beyond use, or of another format
│       └── TapeInUse     a run writes to it, or another command rewrites it: wait for its end
├── StorageError          the database is locked, damaged or of another version: stop, nothing is overwritten
├── StrategyFailed        the plug-in raised, hung or answered nonsense: halt its run
├── BadMarketData         an answer was refused at the edge: count it, do not trade on it
└── VenueError            talking to the exchange failed
    ├── VenueUnavailable  may pass by itself: back off and try again
    └── VenueRefused      the same request would be refused again
"""

from __future__ import annotations


class BotError(Exception):
    """Root of every error raised on purpose; its text is one line, written for a user."""


class UserError(BotError):
    """The user can mend the cause; commands end with exit code 2."""


class ConfigError(UserError):
    """A configuration key, value or strategy parameter is wrong."""


class StrategyNotFound(UserError):
    """The strategy could not be found, or what was found is not a strategy."""


class NotCompilable(UserError):
    """A strategy holds something that cannot be translated to compiled code; the line names it and what to write."""


class TapeError(UserError):
    """A tape is missing, unreadable or of another format."""


class TapeInUse(TapeError):
    """A run writes to the tape, or another command rewrites it."""


class StorageError(BotError):
    """The database cannot be used as it is; nothing was overwritten."""


class StrategyFailed(BotError):
    """The plug-in raised, hung or answered something that is not an answer."""


class LanesDisagree(BotError):
    """Lanes in machine code came to what the engine of objects would not have."""


class BadMarketData(BotError):
    """An answer of the exchange was refused at the edge.

    `kind` is the counter it belongs to (`empty`, `crossed`, `not_a_number`, ...).
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class VenueError(BotError):
    """Talking to the exchange failed."""


class VenueUnavailable(VenueError):
    """The failure may pass by itself: back off and try again."""


class VenueRefused(VenueError):
    """The exchange refused; the same request would be refused again."""
