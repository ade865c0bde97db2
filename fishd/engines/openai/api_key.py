"""The key for the server: read from a file, never put into a message."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from fishd.engines.protocol import BadOption

MAX_BYTES = 4096
REDACTED = "[key]"
_OPTION = "engine.options.api_key_file"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`value` is "" for a server without keys; it is in no representation of this object."""

    value: str = field(default="", repr=False)
    is_shared: bool = False  # other users of the machine may read the file

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.value}"} if self.value else {}

    def redact(self, message: str) -> str:
        """A server's whole message without the key, which some servers repeat."""
        return message.replace(self.value, REDACTED) if self.value else message


def read_key(path: str) -> ApiKey:
    """The key in a file, without the white space around it; raises BadOption."""
    if not path:
        return ApiKey()
    try:
        with Path(path).expanduser().open("rb") as file:
            content, mode = file.read(MAX_BYTES + 1), Path(file.name).stat().st_mode
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder
        why = error.strerror if isinstance(error, OSError) else "no home folder"
        raise BadOption(f"{_OPTION}: {path}: cannot be read: {why}") from error
    key = content.strip().decode("ascii", "replace")
    if not re.fullmatch(r"[!-~]+", key) or len(content) > MAX_BYTES:
        raise BadOption(f"{_OPTION}: {path}: must hold the key alone, in one line of ASCII without spaces")
    return ApiKey(key, is_shared=bool(mode & (stat.S_IROTH | stat.S_IWOTH)))
