"""A folder that a node cannot see: an empty one is mounted over it in a namespace of the node's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

HIDE = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"')  # FOLDER COMMAND …


def skip_without_mounts(folder: Path) -> None:
    if subprocess.run([*HIDE, folder, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mount namespaces are not available; they need root")
