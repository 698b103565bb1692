"""The architecture as a table: which room may import which, what a module may be called, and how long a file may be."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bot", "risk", "storage", "strategies")
NOUNS = ("bot.types", "bot.errors", "bot.nearest")
EVERYTHING = PACKAGES


def exchange_rooms(*names: str) -> tuple[str, ...]:
    """Full names of rooms of the local exchange."""
    return tuple(f"bot.exchange.{name}" for name in names)


# A room is the longest name here that a module's own name starts with; it may import itself and what is listed.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "bot.types": (),
    "bot.errors": (),
    "bot.nearest": (),
    "bot.market": NOUNS,
    "bot.trading": (*NOUNS, "bot.market", "risk"),
    "bot.feed": (*NOUNS, "bot.market", "storage.tape"),
    "bot.venue": (*NOUNS, "bot.market"),
    "bot.exchange": (*NOUNS, "bot.market", "storage.tape"),
    "bot.research": EVERYTHING,
    "bot.console": EVERYTHING,
    "bot": EVERYTHING,  # bot.config, bot.app and what else composes a run
    "risk": NOUNS,
    "storage": NOUNS,
    "strategies": ("bot.trading", "bot.types", "bot.nearest"),
}

# Likewise inside of the local exchange, from the bottom up: matching, money, what may be asked, how it is told.
WITHIN_EXCHANGE: Mapping[str, tuple[str, ...]] = {
    "bot.exchange.keys": (),
    "bot.exchange.refusal": (),
    "bot.exchange.clock": (),
    "bot.exchange.mark": (),
    "bot.exchange.funding": exchange_rooms("mark"),
    "bot.exchange.books": (),
    "bot.exchange.listing": exchange_rooms("books", "funding", "mark"),
    "bot.exchange.accounts": exchange_rooms("books", "funding", "keys", "listing", "mark", "refusal"),
    "bot.exchange.state": exchange_rooms("accounts", "exchange", "markets"),  # all that a restart needs
    "bot.exchange.exchange": exchange_rooms("accounts", "books", "listing", "refusal"),
    "bot.exchange.markets": exchange_rooms("books", "listing", "mark"),
    "bot.exchange.rest": exchange_rooms("accounts", "books", "exchange", "funding", "listing", "refusal"),
    "bot.exchange.server": exchange_rooms(
        *("accounts", "clock", "control", "exchange", "faults", "listing", "refusal", "rest", "streams")
    ),
    "bot.exchange.streams": exchange_rooms("accounts", "exchange", "listing", "refusal", "rest"),
    "bot.exchange.streams.fate": (),
    "bot.exchange.faults": exchange_rooms(
        *("accounts", "books", "exchange", "listing", "refusal", "rest.call", "streams.fate")
    ),
    "bot.exchange": ("bot.exchange",),  # what composes an exchange
}

# Each of these libraries is touched in the rooms that exist to wrap it.
WRAPPED: Mapping[str, tuple[str, ...]] = {"ccxt": ("bot.feed", "bot.venue.live"), "numba": ("bot.market",)}

BANNED_WORDS = frozenset({"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "data", "info"})

TOP_LEVEL = frozenset(
    {
        *("bot", "strategies", "risk", "storage", "tests", "config.toml", "pyproject.toml", "README.md"),
        *("Makefile", "requirements.lock", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "benchmarks"),
    }
)
BY_PRODUCTS = frozenset({"data", "build", "dist", "htmlcov", "imbalance_bot.egg-info", "__pycache__"})

MAX_LINES = 330  # "about 300": a tenth of leeway, so that nobody squeezes a line to please a test
LONGER: Mapping[str, str] = {
    "bot/types.py": "the nouns, all in one place: a reader looks here for each of them",
    "storage/schema.py": "every table of the trade log, read side by side",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement of a project module: who, what, and whether it runs while the module is being loaded."""

    module: str
    imported: str
    line: int
    at_load: bool


def module_name(path: Path) -> str:
    """`bot/feed/poll.py` is `bot.feed.poll`, `bot/feed/__init__.py` is `bot.feed`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> list[Path]:
    """Every source file of the project's packages."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


MODULES = {module_name(path): path for path in sources()}


def targets(node: ast.AST, module: str, is_package: bool) -> list[str]:
    """Full names of the modules that one import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    origin = node.module or ""
    if node.level:
        package = module.split(".") if is_package else module.split(".")[:-1]
        origin = ".".join([*package[: len(package) - node.level + 1], *([origin] if origin else [])])
    # `from bot.feed import poll` names a module, `from bot.types import Side` a name inside one.
    return [full if (full := f"{origin}.{alias.name}") in MODULES else origin for alias in node.names]


def walk(nodes: list[ast.stmt], at_load: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Every statement, and whether it runs at load: not inside a function, nor for type checkers only."""
    for node in nodes:
        yield node, at_load
        inside = at_load and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            inside = False
        for block in ("body", "orelse", "finalbody"):
            yield from walk(getattr(node, block, []), inside)
        for branch in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            yield from walk(branch.body, inside)


def imports() -> list[Import]:
    """Every import of every project module."""
    found = []
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node, at_load in walk(tree.body, True):
            for imported in targets(node, module, path.name == "__init__.py"):
                found.append(Import(module, imported, getattr(node, "lineno", 0), at_load))
    return found


IMPORTS = imports()


def within(module: str, room: str) -> bool:
    """Whether a module is a room or lies in it."""
    return module == room or module.startswith(f"{room}.")


def room_of(module: str, table: Mapping[str, tuple[str, ...]]) -> str:
    """The longest room of a table that holds a module."""
    return max((room for room in table if within(module, room)), key=len)


@pytest.mark.parametrize(("table", "scope"), [(ALLOWED, PACKAGES), (WITHIN_EXCHANGE, ("bot.exchange",))])
def test_every_room_imports_only_what_the_table_allows(
    table: Mapping[str, tuple[str, ...]], scope: tuple[str, ...]
) -> None:
    broken = []
    for found in IMPORTS:
        if all(any(within(name, package) for package in scope) for name in (found.module, found.imported)):
            room = room_of(found.module, table)
            if not any(within(found.imported, allowed) for allowed in (room, *table[room])):
                broken.append(f"{found.module}:{found.line} imports {found.imported}")

    assert broken == []


@pytest.mark.parametrize("library", WRAPPED)
def test_a_wrapped_library_is_imported_only_where_it_is_wrapped(library: str) -> None:
    broken = [
        f"{found.module}:{found.line}"
        for found in IMPORTS
        # A prefix without a dot lets `bot.venue.live` be one file or several: live, live_orders, ...
        if within(found.imported, library) and not found.module.startswith(WRAPPED[library])
    ]

    assert broken == []


def test_no_module_imports_itself_in_a_circle() -> None:
    needs = {
        module: {found.imported for found in IMPORTS if found.module == module and found.at_load} & set(MODULES)
        for module in MODULES
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        if module in trail:
            pytest.fail(f"circle of imports: {' -> '.join([*trail[trail.index(module) :], module])}")
        if module not in done:
            for needed in sorted(needs[module] - {module}):
                visit(needed, (*trail, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_no_module_is_named_after_a_drawer() -> None:
    broken = [module for module in MODULES if BANNED_WORDS & set(module.rsplit(".", maxsplit=1)[-1].split("_"))]

    assert broken == []


def test_every_module_says_why_it_exists() -> None:
    silent = [
        module
        for module, path in MODULES.items()
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert silent == []


def test_the_packages_shipped_are_the_packages_there_are() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = set(project["tool"]["setuptools"]["packages"])

    assert shipped == {module for module, path in MODULES.items() if path.name == "__init__.py"}
    assert {".".join(path.parent.relative_to(ROOT).parts) for path in sources()} == shipped


def test_nothing_unexpected_lies_at_the_top_level() -> None:
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}

    assert there - TOP_LEVEL - BY_PRODUCTS == set()


def test_files_are_short_or_say_why_not() -> None:
    lines = {
        str(path.relative_to(ROOT).as_posix()): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()
    }

    assert {name: count for name, count in lines.items() if count > MAX_LINES and name not in LONGER} == {}
    assert [name for name in LONGER if lines.get(name, 0) <= 300] == []  # a reason nobody needs any more


@pytest.mark.parametrize("room", [room for room in (*ALLOWED, *WITHIN_EXCHANGE) if room not in ("bot", "bot.research")])
def test_every_room_of_the_table_exists(room: str) -> None:
    assert room in MODULES
