"""What is seen to before anything starts: a folder that can be written, and a word to whoever waits.

A first start compiles for a minute or more; without a word it looks like one that hangs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.errors import UserError

if TYPE_CHECKING:
    from bot.config import Config

_WHOLE: Final = "complete"  # an empty file beside the machine code, once all of it is there


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
        sys.stderr.write("Starting; compiling for this machine first, once: a minute or two ...\n")
    elif sys.stderr.isatty():
        sys.stderr.write("Starting ...\n")


def compile_first() -> None:
    """Compile before anything is read from a tape, and say so, unless an earlier start has left its machine code."""
    if not is_compiled():
        from bot.building import warm_kernels

        say_starting()
        warm_kernels()


def is_compiled() -> bool:
    """Tell whether an earlier start has left all its machine code for this one; one that was stopped has not."""
    from bot.market.jit import cache_folder

    folder = cache_folder()
    return folder is not None and (folder / _WHOLE).is_file()


def mark_compiled() -> None:
    """Note that all machine code is there, for the starts that follow."""
    from bot.market.jit import cache_folder

    folder = cache_folder()
    if folder is not None and any(folder.rglob("*.nbc")):  # without compilation (NUMBA_DISABLE_JIT=1) there is none
        (folder / _WHOLE).touch()
