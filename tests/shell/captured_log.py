"""fishd's log on a stream of the test."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fishd.host.log.logs import Logs, set_up_logs

CONTRACT = (
    "[GPU 0] NVIDIA GeForce RTX 4090, Total Memory: 24.00 GB",
    "[GPU 0] Can run 2 workers (Available: 21.60 GB)",
    "[Main] Using 2 parallel workers across 1 GPU(s)",
    "[Main] GPU 0: 2 workers",
    "[Main] Launching Worker 0 on GPU 0 for Speaker 0",
)
LOG = logging.getLogger("fishd.test")


@dataclass(frozen=True)
class Settings:
    level: str = "info"
    file: str = ""
    color: str = "auto"
    format: str = "rich"


@contextmanager
def logging_to(stream: io.StringIO, settings: Settings | None = None, **environ: str) -> Iterator[Logs]:
    """Log to this stream of 60 columns with these settings and variables."""
    logs = set_up_logs(settings or Settings(), stream, {"TERM": "xterm-256color", "COLUMNS": "60", **environ})
    try:
        yield logs
    finally:
        logs.close()


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
