"""Safe names for jobs, files and texts, from what users call them: any Unicode, no two the same.

Pure functions: the same names always give the same files.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePath

JOB_NAME_BYTES = 240  # of 255: room for "-NN"
FILE_NAME_BYTES = 180  # of 255: room for a hash, a suffix and a temporary ending
JOINERS = {"\u200c", "\u200d"}  # emoji families and Indic letters need them
RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # on Windows
NOT_ON_WINDOWS = re.compile(r'[<>:"/\\|?*]')
REPEATED = re.compile(r"(-retry)?(-\d+)?$")


def job_name(raw: str | bytes) -> str:
    """The job's name for a bundle's: Unicode stays, what harms a terminal or a path becomes `_`."""
    text = raw.decode("utf-8", "surrogateescape") if isinstance(raw, bytes) else raw
    name = printable(text).replace("/", "_").strip()
    if name.startswith("."):
        name = "_" + name[1:]
    return cut(name, JOB_NAME_BYTES) or "_"


def numbered(name: str, number: int) -> str:
    """NAME for 1, then NAME-2, NAME-3, …: what a bundle or a result is called where NAME is taken."""
    return name if number == 1 else f"{name}-{number}"


def retry_number(name: str) -> int:
    """How often a job was retried: 0 for `Episode`, 1 for `Episode-retry`, 2 for `Episode-retry-2`."""
    retry = re.search(r"-retry(?:-(\d{1,9}))?$", name)
    return 0 if retry is None else int(retry[1] or 1)


def base_name(name: str) -> str:
    """`Episode-2` and `Episode-retry` -> `Episode`: what a job was called when it was first dropped."""
    return REPEATED.sub("", name) or name


def printable(text: str) -> str:
    """The text with every control character, line break, bidi override and stray byte replaced by `_`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _is_printable(char) else "_" for char in text)


def valid_utf8(name: str) -> str:
    """The name with `?` for every byte that was not UTF-8."""
    return name.encode("utf-8", "replace").decode()


def one_line(text: str) -> str:
    """The text on one line: control characters and white space become one space, invisible marks go."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return " ".join("".join(char if _is_printable(char) else _substitute(char) for char in text).split())


def cut(name: str, limit_bytes: int) -> str:
    """At most `limit_bytes` of UTF-8, cut neither inside a character nor before a combining mark."""
    if len(name.encode()) <= limit_bytes:
        return name
    short = name.encode()[:limit_bytes].decode(errors="ignore")
    while short and unicodedata.combining(name[len(short)]):
        short = short[:-1]
    return short.rstrip()


def clip_paths(speakers: Sequence[tuple[str, Sequence[str]]], suffix: str) -> list[list[str]]:
    """`clips/<speaker>/<id>.<suffix>` for every segment of every (speaker, ids), in order."""
    folders = file_names(name for name, _ in speakers)
    return [
        [f"clips/{folder}/{file}.{suffix}" for file in file_names(ids)]
        for folder, (_, ids) in zip(folders, speakers, strict=True)
    ]


def reference_paths(speakers: Sequence[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """`references/<speaker>-<n>.<suffix>` for every clip of every (speaker, clips' files), in order."""
    stems = file_names(name for name, _ in speakers)
    return [
        [f"references/{stem}-{n}{PurePath(file).suffix}" for n, file in enumerate(clips, 1)]
        for stem, (_, clips) in zip(stems, speakers, strict=True)
    ]


def file_names(names: Iterable[str]) -> list[str]:
    """A safe file name for each name, in order; different names never share one on any file system.

    Names that are equal after folding case and Unicode form all get a short hash at their end, so that the
    order of the names does not matter. Equal names share a file name.
    """
    requested = list(names)
    files = {name: file_name(name) for name in requested}
    folds = {name: _fold(file) for name, file in files.items()}
    uses = Counter(folds.values())
    chosen = {name: file for name, file in files.items() if uses[folds[name]] == 1}
    if len(chosen) < len(files):
        taken = {folds[name] for name in chosen}
        for name in files:
            if name not in chosen:
                chosen[name] = _with_hash(name, taken)
                taken.add(_fold(chosen[name]))
    return [chosen[name] for name in requested]


def file_name(name: str) -> str:
    """A name that is valid on Linux, macOS and Windows, and not hidden."""
    safe = NOT_ON_WINDOWS.sub("_", printable(unicodedata.normalize("NFC", name))).strip()
    if safe.startswith("."):
        safe = "_" + safe[1:]
    safe = cut(safe, FILE_NAME_BYTES).rstrip(". ")
    return f"_{safe}" if RESERVED.match(safe) else safe or "_"


def _with_hash(name: str, taken: set[str]) -> str:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass")).hexdigest()
    length = 6
    while _fold(f"{file_name(name)}-{digest[:length]}") in taken:
        length += 1
    return f"{file_name(name)}-{digest[:length]}"


def _fold(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFD", name).casefold())


def _is_printable(char: str) -> bool:
    """Not Cc (controls), Cf (bidi, invisible), Cs (a byte that was not UTF-8), Zl, Zp (line breaks)."""
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} or char in JOINERS


def _substitute(char: str) -> str:
    """Nothing for a soft hyphen or a bidi mark inside a word; a space for a control or a line break."""
    return "" if unicodedata.category(char) == "Cf" else " "
