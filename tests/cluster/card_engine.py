"""The no-op engine on a GPU: it prints which card it sees."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tests.engines import noop


def factory(device: str, options: Mapping[str, object]) -> noop.NoopEngine:
    print(f"sees {os.environ['CUDA_VISIBLE_DEVICES']}, as {device}", flush=True)
    own = ("checkpoint", "precision", "model_memory_gb", "cache_dir")
    return noop.factory(device, {key: value for key, value in options.items() if key not in own})
