"""Structs as JSON, also where a file name in them was not UTF-8, which JSON cannot hold."""

from __future__ import annotations

from typing import cast

import msgspec

from fishd.core.text.printable import encodable


def as_json(struct: msgspec.Struct) -> bytes:
    r"""UTF-8, in the order of the struct's fields; an undecoded byte of a name is written out (`\xff`)."""
    try:
        return msgspec.json.encode(struct)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(msgspec.to_builtins(struct)))


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key: _encodable(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in cast("list[object]", value)]
    return value
