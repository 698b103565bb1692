"""The commands about the configuration: config check, config schema."""

from __future__ import annotations

from bot.console.choices import AsJson, ConfigPath, Overrides, configured


def check(as_json: AsJson = False, config_path: ConfigPath = None, overrides: Overrides = None) -> None:
    """Check the configuration and print every key."""
    from pathlib import Path

    from rich.console import Group
    from rich.text import Text

    from bot.config import config_hash, resolved, resolved_lines
    from bot.console.documents import show
    from bot.trading.loading import load

    config = configured(config_path, overrides)
    strategy = load(config.strategy.use, [Path(folder) for folder in config.strategy.folders])
    strategy.build(config.strategy.params)
    lines = [Text(line) for line in resolved_lines(config)]
    verdict = Text(f"OK: every key is known and fits; {strategy.name} loads with its parameters.", style="green")
    document = {"config": resolved(config), "hash": config_hash(config), "strategy": strategy.name}
    show(Group(*lines, verdict), document, as_json=as_json)


def schema() -> None:
    """Print the JSON schema of config.toml."""
    from bot.config import schema as config_schema
    from bot.console.documents import print_json

    print_json(config_schema())
