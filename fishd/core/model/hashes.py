"""Hashes that are stored or sent: every process and every version of fishd must compute the same ones."""

from __future__ import annotations

import hashlib

import msgspec


def content_hash(content: bytes | memoryview) -> str:
    """The hash of a file's bytes: 128 bits of BLAKE2b, in hexadecimal."""
    hasher = content_hasher()
    hasher.update(content)
    return hasher.hexdigest()


def content_hasher() -> hashlib.blake2b:
    """The same hash for bytes that come piece by piece: its `hexdigest()` is the content hash."""
    return hashlib.blake2b(digest_size=16)


def fingerprint(parts: tuple[object, ...]) -> str:
    """The hash of plain values, independent of the order of a mapping's keys."""
    return content_hash(msgspec.msgpack.encode(parts, order="deterministic"))
