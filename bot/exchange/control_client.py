"""The Python side of the control endpoints: arm faults, move a virtual market, compare two runs.

Plain and synchronous, as tests and shells want it; an exchange is another process, so nobody waits for himself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from bot.errors import UserError

_PIECE_MS: Final = 10_000
_PATIENCE_S: Final = 600.0  # an hour of a virtual market with many symbols is minutes of work
_WHERE: Final = ("endpoint", "method", "path", "symbol", "key", "client", "stream")
_WHEN: Final = ("skip", "count", "probability", "after_ms", "for_ms")


@dataclass(frozen=True, slots=True)
class ArmedFault:
    """An armed fault as the exchange tells of it: `seen` is what fitted `where`, `struck` how often it struck."""

    number: int
    name: str
    where: Mapping[str, Any]
    when: Mapping[str, Any]
    parameters: Mapping[str, Any]
    seen: int
    struck: int


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A fault that can be armed, and the words of `where` it takes (`endpoint`, `symbol`, ...).

    Every parameter has `name`, `default`, `says`, and `low` and `high` for numbers or `choices` for texts.
    """

    name: str
    side: str
    timing: str
    where: tuple[str, ...]
    says: str
    parameters: tuple[Mapping[str, Any], ...]


class ExchangeControl:
    """Speaks to the control endpoints of a running exchange that was started with a control token.

    Every method raises UserError: the exchange cannot be reached, knows the token or a name not, or refuses.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise UserError(f"the exchange's address should look like http://127.0.0.1:8700, was {url}")
        self._url = url
        self._host, self._port = parts.hostname, parts.port or 80
        self._token = token

    def arm(self, name: str, **words: Any) -> int:
        """Arm a fault and return its number, which `disarm` takes.

        Where: `endpoint` (a nickname such as `order`, `depth`, `trades`), `method`, `path`, `symbol` (`BTCUSDT`),
        `key`; for WebSocket faults `client` (counted from 1) and `stream` (a pattern). When: `skip`, `count`,
        `probability`, `after_ms`, `for_ms`. Any other word is a parameter of the fault:
        `arm("delay-after", endpoint="order", count=3, delay_ms=200)`.
        """
        sent = {
            "name": name,
            "where": {word: words.pop(word) for word in _WHERE if word in words},
            "when": {word: words.pop(word) for word in _WHEN if word in words},
            "parameters": words,
        }
        return int(self._ask("POST", "/control/faults", sent)["number"])

    def disarm(self, number: int | None = None) -> int:
        """Disarm one fault, or all; how many were armed comes back."""
        query = "" if number is None else f"?number={number}"
        return int(self._ask("DELETE", f"/control/faults{query}")["disarmed"])

    def armed(self) -> list[ArmedFault]:
        """Everything that is armed, in the order of arming."""
        return [ArmedFault(**one) for one in self._ask("GET", "/control/faults")["armed"]]

    def struck(self, number: int) -> int:
        """How often an armed fault has struck."""
        return next((one.struck for one in self.armed() if one.number == number), 0)

    def catalogue(self) -> list[CatalogueEntry]:
        """Every fault that can be armed."""
        told = self._ask("GET", "/control/faults")["catalogue"]
        return [
            CatalogueEntry(**{**one, **{name: tuple(one[name]) for name in ("where", "parameters")}}) for one in told
        ]

    def advance(self, elapsed_ms: int) -> int:
        """Let a virtual market live on for so many ms; market time in ms since 1970 comes back.

        A long time is asked for piece by piece: the exchange answers nobody else while it moves.
        """
        while elapsed_ms > _PIECE_MS:
            self._ask("POST", "/control/advance", {"elapsed_ms": _PIECE_MS})
            elapsed_ms -= _PIECE_MS
        return int(self._ask("POST", "/control/advance", {"elapsed_ms": elapsed_ms})["now_ms"])

    def digest(self) -> dict[str, str]:
        """Hashes of what happened so far: `tape` over every public trade, `accounts` over all that accounts own."""
        return {name: str(told) for name, told in self._ask("GET", "/control/digest").items()}

    def _ask(self, method: str, target: str, sent: Mapping[str, Any] | None = None) -> dict[str, Any]:
        connection = HTTPConnection(self._host, self._port, timeout=_PATIENCE_S)
        headers = {"X-Control-Token": self._token, "Content-Type": "application/json"}
        try:
            connection.request(method, target, None if sent is None else json.dumps(sent), headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except ConnectionRefusedError as error:
            advice = "start it with `imbalance exchange --control`, or name another address"
            raise UserError(f"nobody answers at {self._url}; {advice}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise UserError(f"the exchange at {self._url} did not answer {method} {target}: {error!r}") from error
        finally:
            connection.close()
        if not isinstance(told, dict) or answer.status != 200:
            words = told.get("error", told) if isinstance(told, dict) else told
            raise UserError(f"the exchange at {self._url} refused: {words}")
        return told
