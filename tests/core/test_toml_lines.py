"""The line numbers of keys in a TOML text."""

from __future__ import annotations

import pytest

from fishd.toml.lines import key_lines, line_of

TEXT = """\
# pool.max_takes = 3, in a comment
spool.root = "x"

[pool]   # the workers
  "max_takes"   = 3
workers_per_gpu = { "0" = 2 }

[engine.options]
temperature = 0.7
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("spool",), 2),
        (("spool", "root"), 2),
        (("pool",), 4),
        (("pool", "max_takes"), 5),
        (("pool", "workers_per_gpu", "0"), 6),
        (("engine",), 8),
        (("engine", "options", "temperature"), 9),
        (("engine", "checkpoint"), 8),
        (("log", "file"), None),
    ],
)
def test_a_key_has_its_line(key: tuple[str, ...], line: int | None) -> None:
    """Dotted, quoted, indented and in tables; a missing key has the line of its section."""
    assert line == line_of(key, key_lines(TEXT))
