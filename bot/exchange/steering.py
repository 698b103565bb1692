"""What a test may ask of a running exchange beside faults: to move a virtual market, and to tell what it came to."""

from __future__ import annotations

from typing import Protocol


class Steering(Protocol):
    """The service as the control endpoints see it."""

    def advance(self, elapsed_ms: int) -> int:
        """Let a virtual market live on for so many ms; market time in ms since 1970 comes back.

        Raises:
            Refusal: INVALID_PARAMETER, the market is not virtual and moves by itself.
        """

    def digest(self) -> dict[str, str]:
        """Hashes of what happened so far: `tape` over every public trade, `accounts` over all that accounts own."""
