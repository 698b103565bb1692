"""Account keys: where they come from, and that they are shown nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.config_credentials import Credentials, credentials
from bot.errors import ConfigError

CANARY = "canary-5a1f"


def key_file(folder: Path, text: str, mode: int = 0o600) -> str:
    """A key file with `text`."""
    path = folder / "keys.toml"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_no_keys_are_none() -> None:
    assert credentials("", {}) is None
    assert credentials("", {"IMBALANCE_API_KEY": ""}) is None


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = key_file(tmp_path, 'api_key = "file"\nsecret = "file"')
    environ = {"IMBALANCE_API_KEY": "a", "IMBALANCE_API_SECRET": "b", "IMBALANCE_API_PASSWORD": "c"}

    assert credentials(path, environ) == Credentials("a", "b", "c")
    assert credentials(path, {}) == Credentials("file", "file")


def test_the_text_form_shows_no_key() -> None:
    assert CANARY not in repr(Credentials(CANARY, CANARY, CANARY))
    assert CANARY not in str(Credentials(CANARY, CANARY, CANARY))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'api_key = "{CANARY}"', "secret should be set, was missing"),
        (f'api_key = "{CANARY}"\nsecrt = "{CANARY}"', "unknown key secrt; did you mean secret?"),
        (f'api_key = "{CANARY}"\nsecret = 5', "secret should be a text in quotes"),
        (f"api_key = {CANARY}", "is not valid TOML"),
    ],
)
def test_a_wrong_key_file_is_explained_without_its_keys(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        credentials(key_file(tmp_path, text), {})

    assert said in str(caught.value)
    assert CANARY not in str(caught.value)


def test_half_a_pair_in_the_environment_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^environment: secret should be set"):
        credentials("", {"IMBALANCE_API_KEY": CANARY})


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"readable by its owner only, was -rw.*chmod 600"):
        credentials(key_file(tmp_path, 'api_key = "a"\nsecret = "b"', mode), {})


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.toml could not be read: FileNotFoundError"):
        credentials(str(tmp_path / "nowhere.toml"), {})
