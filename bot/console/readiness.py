"""What is seen to before anything starts: a folder that can be written, and a word to whoever waits.

A first start compiles for half a minute; without a word it looks like one that hangs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import UserError

if TYPE_CHECKING:
    from bot.config import Config


def make_ready(config: Config) -> None:
    """Make the storage folder.

    Raises:
        UserError: the storage folder can be neither made nor written.
    """
    folder = Path(config.storage.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "is no folder" if isinstance(error, FileExistsError) else f"cannot be written ({error.strerror})"
        raise UserError(f"storage.folder = {str(folder)!r} {reason}: name another folder") from None


def say_starting() -> None:
    """Say on standard error that a start is under way; call it once what a user may have mistaken is checked."""
    if not is_compiled():
        sys.stderr.write("Starting; compiling for this machine first, once: about half a minute ...\n")
    elif sys.stderr.isatty():
        sys.stderr.write("Starting ...\n")


def is_compiled() -> bool:
    """Tell whether an earlier start has left its machine code for this one."""
    from bot.market.jit import cache_folder

    folder = cache_folder()
    return folder is not None and any(folder.rglob("*.nbc"))
