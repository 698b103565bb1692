"""`imbalance doctor`: try everything a run needs, and say of each what to do when it does not work."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from bot.config import Config
from bot.console.figures import iso, printable
from bot.console.ledgers import listing
from bot.console.running import database_file, running_pid
from bot.errors import BotError

_LEAST_FREE_BYTES: Final = 1_000_000_000
_START_WITHIN_S: Final = 3.0
_BUILT_NS: Final = 1_767_225_600 * 10**9  # 2026-01-01: no clock that is right tells an earlier time
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)[ \t]*(;?)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing tried. `advice` says what to do, empty when it is in order."""

    name: str
    found: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """True when there is nothing to do."""
        return not self.advice


def examine(config: Config) -> Iterator[Finding]:
    """Try one thing after another; the last ones take a second or two."""
    checks: tuple[tuple[str, Callable[[Config], Finding]], ...] = (
        ("Python", _python),
        ("packages", _packages),
        ("strategy", _strategy),
        ("feed", _feed),
        ("compiled kernels", _kernels),
        ("storage folder", _folder),
        ("disk space", _disk),
        ("database", _database),
        ("clock", _clock),
        ("port", _port),
        ("local exchange", _exchange),
    )
    for name, check in checks:
        try:
            yield check(config)
        except BotError as error:
            yield Finding(name, "does not work", str(error))


def table(findings: list[Finding]) -> RenderableType:
    """Findings, one a line."""
    drawn = listing("Doctor", "", "what", "~found", "~what to do")
    for finding in findings:
        mark = Text("OK", style="green") if finding.ok else Text("problem", style="bold red")
        drawn.add_row(mark, finding.name, Text(printable(finding.found)), Text(printable(finding.advice)))
    return drawn


def _python(_: Config) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("Python", found, "" if fits else "install Python 3.11, 3.12 or 3.13")


def _packages(_: Config) -> Finding:
    lock = Path(__file__).parents[2] / "requirements.lock"
    if not lock.is_file():
        return Finding("packages", "installed without a lock file")
    pins: dict[str, set[str]] = {}
    optional = set()
    for name, version, marker in _PIN.findall(lock.read_text(encoding="utf-8")):
        pins.setdefault(name, set()).add(version)
        optional |= {name} if marker else set()
    # With a marker a package is for some platforms only, or pinned once for each: any of its versions will do.
    found = {name: _installed(name) for name in pins}
    other = [name for name in pins if found[name] not in pins[name] | ({None} if name in optional else set())]
    if not other:
        return Finding("packages", f"{sum(version is not None for version in found.values())} as in the lock file")
    named = [f"{name} {found[name] or 'missing'} (locked {' or '.join(sorted(pins[name]))})" for name in other[:3]]
    more = f" and {len(other) - 3} more" if len(other) > 3 else ""
    return Finding("packages", ", ".join(named) + more, "pip install --require-hashes -r requirements.lock")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _strategy(config: Config) -> Finding:
    from bot.building import signals_of
    from bot.plugins import plugins_of
    from bot.trading.loading import load

    loaded = load(config.strategy.use, [Path(folder) for folder in config.strategy.folders])
    plugins = plugins_of(config, signals_of(loaded, config))
    own = [*plugins.signals, *([plugins.model.use] if plugins.model else [])]
    return Finding("strategy", f"{loaded.name} loads with its parameters" + (f", {', '.join(own)}" if own else ""))


def _feed(config: Config) -> Finding:
    mode, exchange = config.feed.mode, config.exchange.id
    if mode == "poll":
        return Finding("feed", f"polls {exchange}")
    from bot.feed.client import ClientSettings
    from bot.feed.stream.client import can_stream

    if can_stream(ClientSettings(exchange)):
        return Finding("feed", f"streams {exchange}" + (", and polls what fails" if mode == "auto" else ""))
    advice = "" if mode == "auto" else 'set feed.mode to "poll" or "auto"'
    return Finding("feed", f"ccxt streams no books or trades of {exchange}", advice)


def _kernels(_: Config) -> Finding:
    from bot.market.jit import cache_folder

    folder = cache_folder()
    if folder is None:
        return Finding("compiled kernels", "no folder to keep them", "make ~/.cache writable, or set XDG_CACHE_HOME")
    return Finding("compiled kernels", f"kept in {folder}", _unwritable(folder))


def _folder(config: Config) -> Finding:
    folder = Path(config.storage.folder).resolve()
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    state = "writable" if nearest == folder else "will be made"
    return Finding("storage folder", f"{folder}, {state}", _unwritable(nearest))


def _unwritable(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"make {folder} a folder you may write to ({error.strerror})"


def _disk(config: Config) -> Finding:
    folder = Path(config.storage.folder).resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    advice = "" if free >= _LEAST_FREE_BYTES else "free some space: a tape takes some 100 MB a day and symbol"
    return Finding("disk space", f"{free / 1e9:,.1f} GB free", advice)


def _database(config: Config) -> Finding:
    from storage.database import open_reader

    file = database_file(config.storage.url)
    if file is not None and not file.is_file():
        return Finding("database", f"{file} will be made by the first run")
    open_reader(config.storage.url).dispose()
    pid = running_pid(config.storage.url)
    return Finding("database", "opens" + (f"; in use by a running bot (process {pid})" if pid is not None else ""))


def _clock(config: Config) -> Finding:
    now_ns = time.time_ns()
    latest_ns = max(_BUILT_NS, _last_start_ns(config))
    advice = "" if now_ns >= latest_ns else f"set the clock: it was {iso(latest_ns)} already"
    return Finding("clock", f"{iso(now_ns)[:19]}Z", advice)


def _last_start_ns(config: Config) -> int:
    from storage import tradelog
    from storage.database import open_reader

    file = database_file(config.storage.url)
    if file is None or not file.is_file():
        return 0
    last = tradelog.runs(open_reader(config.storage.url), limit=1)
    return last[-1].started_ns if last else 0


def _port(config: Config) -> Finding:
    port = config.exchange.port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Finding("port", f"{port}: {error.strerror}", "stop what uses it, or set exchange.port = 0")
    return Finding("port", f"{port} is free" if port else "chosen among the free ones at each start")


def _exchange(config: Config) -> Finding:
    from bot.exchange.process import ExchangeProcess, ExchangeSettings

    begun = time.monotonic()
    exchange = ExchangeProcess.start(ExchangeSettings(seed=config.exchange.seed))
    try:
        _ask_time(exchange.url)
    except (OSError, urllib.error.URLError) as error:
        return Finding("local exchange", "starts and does not answer", f"look at a firewall or a proxy ({error})")
    finally:
        exchange.stop()
    took_s = time.monotonic() - begun
    advice = (
        ""
        if took_s <= _START_WITHIN_S
        else f"a machine this busy may decide late: {os.cpu_count()} cores, end something"
    )
    return Finding("local exchange", f"answers {took_s:.1f} s after its start", advice)


def _ask_time(url: str) -> None:
    # Not through a proxy of the environment: the exchange is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/fapi/v1/time", timeout=_START_WITHIN_S) as answer:
        answer.read()
