"""Hashes that a worker and the daemon must agree on."""

from __future__ import annotations

import hashlib


def content_hash(content: bytes | memoryview) -> str:
    """Of a clip's bytes: 128 bits of BLAKE2b, in hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
