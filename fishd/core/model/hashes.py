"""Hashes that outlive a process: a worker and the daemon, and two versions of fishd, must agree on them."""

from __future__ import annotations

import hashlib

import msgspec


def content_hash(content: bytes | memoryview) -> str:
    """Of a clip's bytes: 128 bits of BLAKE2b, in hexadecimal."""
    hasher = content_hasher()
    hasher.update(content)
    return hasher.hexdigest()


def content_hasher() -> hashlib.blake2b:
    """The same hash for bytes that come piece by piece: its `hexdigest()` is the content hash."""
    return hashlib.blake2b(digest_size=16)


def fingerprint(parts: tuple[object, ...]) -> str:
    """Of plain values, whatever the order of a mapping's keys: 128 bits of BLAKE2b, in hexadecimal."""
    return content_hash(msgspec.msgpack.encode(parts, order="deterministic"))
