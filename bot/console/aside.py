"""Keeps a document whole: what others print while it is made, such as a strategy, goes to standard error."""

from __future__ import annotations

import io
import sys
from typing import TextIO


class Aside(io.TextIOBase):
    """Stands in for standard output while a command makes its `document`, which alone is written there."""

    def __init__(self, document: TextIO) -> None:
        self.document = document

    def write(self, text: str) -> int:
        """Write to standard error what is no part of the document; return how many letters."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush standard error."""
        sys.stderr.flush()


def document_output() -> TextIO:
    """Return where a document is written, whatever stands in for standard output."""
    return sys.stdout.document if isinstance(sys.stdout, Aside) else sys.stdout
