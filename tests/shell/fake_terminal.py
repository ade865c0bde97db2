"""A terminal in memory."""

from __future__ import annotations

import io


class FakeTerminal(io.StringIO):
    """A text stream whose `isatty` is true."""

    def isatty(self) -> bool:
        return True
