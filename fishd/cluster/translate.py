"""Files in messages: the daemon's paths become names that travel, and a node's paths when they arrive.

A reference clip travels under the name HASH.SUFFIX, by its content. A take's clip travels as its file name,
of which only the suffix counts. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

import msgspec

from fishd.wire.messages import Inspect, Load, Speak, ToWorker

CHECKPOINT_OPTION = "checkpoint"  # the option of every engine that names its model's folder, or ""
CACHE_OPTION = "cache_dir"  # the option of every engine that names a folder of the machine


def references(message: ToWorker) -> tuple[str, ...]:
    """The reference clips that a message names."""
    match message:
        case Inspect():
            return (message.path,)
        case Speak():
            return message.references
        case _:
            return ()


def with_references(message: ToWorker, rename: Callable[[str], str]) -> ToWorker:
    """The message with each of its reference clips renamed."""
    match message:
        case Inspect():
            return msgspec.structs.replace(message, path=rename(message.path))
        case Speak():
            renamed = tuple(rename(path) for path in message.references)
            return msgspec.structs.replace(message, references=renamed)
        case _:
            return message


def with_clip(message: ToWorker, rename: Callable[[str], str]) -> ToWorker:
    """The message with its take's clip renamed."""
    if isinstance(message, Speak):
        return msgspec.structs.replace(message, clip=rename(message.clip))
    return message


def file_name(path: str) -> str:
    return PurePath(path).name


def reference_name(content_hash: str, path: str) -> str:
    """The name under which a clip of this hash travels; decoders and warnings need its suffix."""
    return f"{content_hash}{PurePath(path).suffix.lower()}"


def with_absolute_checkpoint(load: Load, folder: PurePath) -> Load:
    """The message with the checkpoint's path, which may be relative to `folder`, in full."""
    checkpoint = load.options.get(CHECKPOINT_OPTION)
    if not checkpoint:
        return load
    return msgspec.structs.replace(
        load, options={**load.options, CHECKPOINT_OPTION: str(folder / str(checkpoint))}
    )


def with_cache_folder(load: Load, folder: str) -> Load:
    """The message with the node's folder for what engines learn of voices."""
    if CACHE_OPTION not in load.options:
        return load
    return msgspec.structs.replace(load, options={**load.options, CACHE_OPTION: folder})
