"""Listen keys: who has one may hear what happens to its account, until it expires."""

from __future__ import annotations

import secrets
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class _Lease:
    key: str
    until_ms: int


class ListenKeys:
    """At most one key for each account, by owner. A key lives `life_ms` of market time after it was last kept."""

    def __init__(self, life_ms: int) -> None:
        self._life_ms = life_ms
        self._leases: dict[int, _Lease] = {}

    def open(self, owner: int, now_ms: int) -> str:
        """The account's key, a new one if it has none; its life starts anew."""
        key = self.keep(owner, now_ms)
        if key is None:
            key = secrets.token_hex(32)
            self._leases[owner] = _Lease(key, now_ms + self._life_ms)
        return key

    def keep(self, owner: int, now_ms: int) -> str | None:
        """Let the life of the account's key start anew; None when it has none, or it has expired."""
        lease = self._leases.get(owner)
        if lease is None or lease.until_ms <= now_ms:
            return None
        lease.until_ms = now_ms + self._life_ms
        return lease.key

    def end(self, owner: int) -> None:
        """Let the account's key be one whose time is over."""
        lease = self._leases.get(owner)
        if lease is not None:
            lease.until_ms = 0

    def close(self, owner: int) -> None:
        """Let the account have no key."""
        self._leases.pop(owner, None)

    def owner(self, key: str) -> int | None:
        """Whose key it is, None if it is nobody's (any more)."""
        return next((owner for owner, lease in self._leases.items() if lease.key == key), None)

    def key(self, owner: int) -> str | None:
        """The account's key, None if it has none."""
        lease = self._leases.get(owner)
        return lease.key if lease is not None else None

    def expire(self, now_ms: int) -> list[str]:
        """Take away the keys whose time is over, and say which."""
        over = {owner: lease.key for owner, lease in self._leases.items() if lease.until_ms <= now_ms}
        for owner in over:
            del self._leases[owner]
        return list(over.values())
