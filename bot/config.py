"""The configuration of a run: config.toml < environment < `--set`, parsed once into typed, frozen sections.

Nothing else in the project reads a configuration file or an environment variable for settings. Keys of an exchange
account are no part of it (see `bot.config_credentials`), so a configuration can be stored and shown.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from bot.config_risk import RiskSettings, SizingSettings
from bot.config_sections import (
    ConsoleSettings,
    ExchangeSettings,
    FeedSettings,
    ForecastSettings,
    PaperSettings,
    SignalSettings,
    StorageSettings,
    StrategySettings,
)
from bot.config_sources import from_environment, from_file, from_overrides, merged
from bot.config_values import STRICT, plain
from bot.errors import ConfigError
from bot.nearest import did_you_mean

_LONGEST_SHOWN: Final = 80
_ACCOUNT_KEYS: Final = frozenset({"apikey", "apisecret", "secret", "secretkey", "password", "passphrase", "token"})
_SECRETS: Final = (
    (re.compile(r"(://[^:/@\s]*:).*@"), r"\1***@"),
    (re.compile(r"([?&](?:password|passwd|secret|token|key)=)[^&\s\"]*", re.IGNORECASE), r"\1***"),
)
_EXPECTED: Final[Mapping[str, str]] = {
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "decimal_type": "should be a number",
    "decimal_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "string_type": "should be a text",
    "string_too_short": "should not be empty",
    "tuple_type": "should be a list",
    "too_short": "should have at least one entry",
    "dict_type": "should be a section",
    "model_type": "should be a section",
}


class Config(BaseModel):
    """Everything a run can be told, by section of config.toml."""

    model_config = STRICT

    exchange: ExchangeSettings = Field(default_factory=ExchangeSettings)
    feed: FeedSettings = Field(default_factory=FeedSettings)
    strategy: StrategySettings = Field(default_factory=StrategySettings)
    signals: SignalSettings = Field(default_factory=SignalSettings)
    forecast: ForecastSettings = Field(default_factory=ForecastSettings)
    sizing: SizingSettings = Field(default_factory=SizingSettings)
    risk: RiskSettings = Field(default_factory=RiskSettings)
    paper: PaperSettings = Field(default_factory=PaperSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        # Each of these would run and never trade: better said here than found out from denials.
        sizing, risk, feed, paper = self.sizing, self.risk, self.feed, self.paper
        if sizing.method == "fixed_notional" and sizing.notional > risk.max_position:
            raise _misfit("sizing.notional", f"at most risk.max_position ({plain(risk.max_position)})", sizing.notional)
        if risk.max_book_age_ns < feed.book_every_ns:
            raise _misfit("risk.max_book_age", f"at least feed.book_every ({feed.book_every})", risk.max_book_age)
        if feed.stale_after_ns <= feed.book_every_ns:
            raise _misfit("feed.stale_after", f"longer than feed.book_every ({feed.book_every})", feed.stale_after)
        if paper.protection_bps >= risk.price_collar_bps:
            bound = f"below risk.price_collar_bps ({plain(risk.price_collar_bps)})"
            raise _misfit("paper.protection_bps", bound, paper.protection_bps)
        if paper.maintenance_margin * paper.leverage >= 1:
            bound = f"below 1 / paper.leverage ({plain(1 / paper.leverage)})"
            raise _misfit("paper.maintenance_margin", bound, paper.maintenance_margin)
        volumes = [tier.from_volume for tier in paper.tiers]
        if volumes != sorted(set(volumes)):
            shown = ", ".join(map(plain, volumes))
            raise _misfit("paper.tiers", "in the order of from_volume, each above the one before", shown)
        if len(set(paper.lanes)) != len(paper.lanes):
            raise _misfit("paper.lanes", "distinct", ", ".join(paper.lanes))
        return self


def load(path: Path | None, overrides: Sequence[str], environ: Mapping[str, str]) -> Config:
    """Read the configuration: the file (None = the defaults), then `IMBALANCE__SECTION__KEY`, then `section.key=value`.

    Raises:
        ConfigError: one line that names the first key that is wrong, where it was set, and what was expected.
    """
    settings = [] if path is None else from_file(path)
    tables, origins = merged([*settings, *from_environment(environ, keys()), *from_overrides(overrides)])
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        text = _line(error.errors()[0], origins, path.name if path else "configuration")
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise ConfigError(text + more) from None


def schema() -> dict[str, Any]:
    """Return the JSON schema of config.toml, with a description and a unit for every key."""
    return Config.model_json_schema()


def resolved(config: Config) -> dict[str, Any]:
    """Return every key with its value as plain JSON, in one canonical form; passwords in URLs are masked."""
    shown: dict[str, Any] = _masked(config.model_dump(mode="json"))
    return shown


def from_resolved(stored: Mapping[str, Any]) -> Config:
    """Build the configuration that `resolved` described: for replay.

    Raises:
        ConfigError: the stored keys are not those of this version.
    """
    try:
        return Config.model_validate(stored)
    except ValidationError as error:
        raise ConfigError(_line(error.errors()[0], {}, "stored configuration")) from None


def config_hash(config: Config) -> str:
    """Return the SHA-256 (hex) of the resolved configuration; equal meanings spelled differently hash alike."""
    return hashlib.sha256(json.dumps(resolved(config), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def resolved_lines(config: Config) -> list[str]:
    """Return `section.key = value` for every key, as TOML would write it; passwords in URLs are masked."""
    lines = []
    for section, keys in config.model_dump().items():
        for key, value in keys.items():
            nested = value.items() if isinstance(value, dict) else [("", value)]
            lines += [f"{section}.{key}{'.' if name else ''}{name} = {_toml(part)}" for name, part in nested]
    return lines


def keys() -> list[str]:
    """Return every key there is, as `section.key`."""
    return [
        f"{section}.{key}"
        for section, declared in Config.model_fields.items()
        for key in _section_class(declared.annotation).model_fields
    ]


def _misfit(key: str, bound: str, value: object) -> PydanticCustomError:
    shown = plain(value) if isinstance(value, Decimal) else value
    return PydanticCustomError(
        "misfit", "{key} should be {bound}, was {shown}", {"key": key, "bound": bound, "shown": shown}
    )


def _section_class(annotation: object) -> type[BaseModel]:
    assert isinstance(annotation, type)
    assert issubclass(annotation, BaseModel)
    return annotation


def _line(error: ErrorDetails, origins: Mapping[str, str], fallback: str) -> str:
    key = ".".join(part for part in error["loc"] if isinstance(part, str))
    context = error.get("ctx", {})
    origin = _origin(str(context.get("key", key)), origins, fallback)
    if error["type"] == "misfit":
        return f"{origin}: {error['msg']}"
    if error["type"] == "extra_forbidden":
        return f"{origin}: {_unknown(key)}"
    expected = _EXPECTED.get(error["type"], error["msg"].removeprefix("Value error, ").removeprefix("Input "))
    return f"{origin}: {key} {expected}, was {_shown(error['input'])}"


def _origin(key: str, origins: Mapping[str, str], fallback: str) -> str:
    # Either is part of the other: a section of a key that is wrong, or a list that holds the wrong key.
    pairs = ((f"{known}.", origin) for known, origin in origins.items())
    inside = (origin for known, origin in pairs if known.startswith(f"{key}.") or f"{key}.".startswith(known))
    return next(inside, fallback)


def _unknown(key: str) -> str:
    section, _, name = key.partition(".")
    if not name:
        return f"unknown section {section}{did_you_mean(section, Config.model_fields)}"
    if name.replace("_", "").lower() in _ACCOUNT_KEYS:
        return f"unknown key {key}; keys of an exchange account go to the file that exchange.key_file names"
    for known in keys():
        if known.endswith(f".{name}"):
            return f"unknown key {key}; did you mean {known}?"
    beside = [known.partition(".")[2] for known in keys() if known.startswith(f"{section}.")]
    return f"unknown key {key}{did_you_mean(name, beside, f'{section}.')}"


def _shown(value: object) -> str:
    text = str(_masked(json.dumps(value, ensure_ascii=False, default=str)))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_masked(part) for part in value]
    if isinstance(value, str):
        for pattern, replacement in _SECRETS:
            value = pattern.sub(replacement, value)
    return value


def _toml(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_toml(part)}' for name, part in value.items())} }}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"[{', '.join(_toml(part) for part in value)}]"
    return json.dumps(_masked(value), ensure_ascii=False)
