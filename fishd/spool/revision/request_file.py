"""A request for a revision as a TOML file: written into the inbox by one rename, and read with all faults.

job = "Episode 3"

[[lines]]
speaker = "Mara"
id = "007"                    # another take

[[lines]]
speaker = "Mara"
id = "008"
text = "What she says now."   # or take = 2, to choose one of the kept takes

[pronounce]
"Siobhan" = "Shivawn"
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from fishd.core.config.keys import PRONUNCIATION
from fishd.core.model.job import Fault
from fishd.core.model.limits import MIB, Limits
from fishd.core.revision.request import LineRevision, Revision
from fishd.spool.bundle.text import decode, speakable
from fishd.spool.durable.confined_fs import FILE_FLAGS, Refused, chunks
from fishd.spool.durable.disk import Disk
from fishd.spool.endings import REQUEST
from fishd.spool.names import cut, job_name, one_line
from fishd.toml import rules
from fishd.toml.display import dotted
from fishd.toml.parse import BadToml, parse
from fishd.toml.rules import Rule
from fishd.toml.table import Faults, Table

REFUSED = "# refused: "  # how the lines begin that say why, in a request that was refused
MAX_REQUEST_BYTES = 4 * MIB
_NAME_BYTES = 180  # of 255: room for the number and the ending
_TEXT = rules.text()
_JOB_RULE = "the name of a folder in the outbox"
_JOB = Rule(_JOB_RULE, lambda value: value if isinstance(value, str) and value == job_name(value) else None)
_TAKE = rules.whole(least=1, most=1_000_000)


class RequestState(StrEnum):
    """Where a request is. One that is neither waiting nor refused is in work or done: see its job."""

    WAITING = "waiting"
    REFUSED = "refused"
    TAKEN = "taken"


def request_revision(root: Path, revision: Revision) -> str:
    """Write the request into the inbox of the spool at `root`; the name of its file. Raises OSError.

    The result that it leads to has that name in its `revisions`; `request_state` tells about it until then.
    """
    inbox = root / "inbox"
    unique = f"{time.time_ns() // 1_000_000}-{secrets.token_hex(3)}"
    name = f"{cut(revision.job, _NAME_BYTES)}.{unique}{REQUEST}"
    disk, part = Disk(), inbox / f".{secrets.token_hex(6)}.part"
    try:
        disk.write(part, to_toml(revision).encode())
        if inbox.stat().st_mode & stat.S_ISGID:  # the daemon, another user of the inbox's group, moves it
            part.chmod(0o664)
        disk.rename(part, inbox / name)
    finally:
        part.unlink(missing_ok=True)
    disk.sync_folder(inbox)
    return name


def request_state(root: Path, name: str) -> RequestState:
    """Where the request is that `request_revision` named so."""
    if os.path.lexists(root / "inbox" / name):
        return RequestState.WAITING
    refused = os.path.lexists(root / "archive" / name)
    return RequestState.REFUSED if refused else RequestState.TAKEN


def why_refused(root: Path, name: str) -> tuple[str, ...]:
    """The faults of a request that was refused; empty if its file is no longer in archive/."""
    try:
        lines = (root / "archive" / name).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    return tuple(line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED))


def to_toml(revision: Revision) -> str:
    """The request's text; `parse_request` gives the same request."""
    lines = [f"job = {_quoted(revision.job)}"]
    for line in revision.lines:
        lines += ["", "[[lines]]", f"speaker = {_quoted(line.speaker)}", f"id = {_quoted(line.id)}"]
        lines += [f"text = {_quoted(line.text)}"] if line.text is not None else []
        lines += [f"take = {line.take}"] if line.take is not None else []
    if revision.pronounce:
        lines += ["", "[pronounce]"]
        lines += [f"{_quoted(term)} = {_quoted(spoken)}" for term, spoken in revision.pronounce.items()]
    return "\n".join(lines) + "\n"


def read_request(path: Path, limits: Limits) -> tuple[Revision, list[Fault]]:
    """The request in a file, and its faults. Raises OSError if it is gone."""
    fd = os.open(path, FILE_FLAGS | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        content = b"".join(chunks(fd, MAX_REQUEST_BYTES))
    except Refused as refused:
        return Revision(""), [Fault(path.name, str(refused))]
    finally:
        os.close(fd)
    return parse_request(content, path.name, limits)


def parse_request(content: bytes, name: str, limits: Limits) -> tuple[Revision, list[Fault]]:
    """A request and its faults; `name` is its file's. With faults the request is incomplete."""
    faults: list[Fault] = []
    text = decode(content, name, faults)
    if text is None:
        return Revision(""), faults
    try:
        tree = parse(text)
    except BadToml as error:
        return Revision(""), [Fault(name + error.at, str(error))]
    found: Faults = []
    top = Table(tree, found)
    job = top.get("job", _JOB) or ""
    if "job" not in top:
        top.fault('has no job; add job = "NAME", its name in the outbox', "job")
    lines = tuple(_lines(top, limits, faults))
    terms = table.every(PRONUNCIATION) if (table := top.table("pronounce")) else {}
    pronounce = {term: one_line(spoken) for term, spoken in terms.items()}
    if not (lines or pronounce or top.is_faulty("lines") or top.is_faulty("pronounce")):
        top.fault("asks for nothing; add a [[lines]] table or [pronounce]")
    top.close()
    faults += [Fault(dotted(place) or name, what) for place, what in found]
    return Revision(job, lines, pronounce), faults


def _lines(top: Table, limits: Limits, faults: list[Fault]) -> Iterator[LineRevision]:
    seen: set[tuple[str, str]] = set()
    for table in top.tables("lines"):
        speaker, id_ = (_name(table, key) for key in ("speaker", "id"))
        text, take = table.get("text", _TEXT), table.get("take", _TAKE)
        table.close()
        if "text" in table and "take" in table:
            table.fault("has a text and a take; a kept take has its own text: give one of them")
        if (speaker, id_) in seen:
            table.fault(f"is the second one for line {id_} of {speaker}; give one table for each line")
        seen.add((speaker, id_))
        if text is not None:
            fix = "split the line in the bundle, and submit it again"
            text = speakable(text, table.at("text"), limits.text_chars, faults, fix)
        yield LineRevision(speaker, id_, text, take)


def _name(table: Table, key: str) -> str:
    """A speaker's name or a line's id, as the result has them."""
    name = one_line(table.get(key, _TEXT) or "")
    if not name and not table.is_faulty(key):
        table.fault("is missing", key)
    return name


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
