"""A script under construction: readers add lines and faults, bounded by the limits."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from fishd.core.model.job import Fault
from fishd.spool.bundle.scripts.model import Chapter, Script, ScriptLine
from fishd.spool.names import one_line, printable

if TYPE_CHECKING:
    from fishd.core.model.limits import Limits
    from fishd.spool.bundle.scripts.model import ScriptSettings

_QUOTED_CHARS = 40
_PLACES_NAMED = 5
_MOST_FAULTS = 10_000
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,4}")


class StopReadingError(Exception):
    """The script has too many lines or faults; the draft holds the fault that says so."""


class ScriptDraft:
    """Owned by one call of `read_script`. Readers set the title, author, language and cover themselves."""

    def __init__(self, name: str, settings: ScriptSettings, limits: Limits) -> None:
        self.name = printable(name) or "script"
        self.settings = settings
        self.limits = limits
        self.title = ""
        self.author = ""
        self.language = ""
        self.cover: bytes | None = None
        self._lines: list[ScriptLine] = []
        self._chapters: list[Chapter] = []
        self._faults = _BoundedFaults(self.name, limits.faults)
        self._warnings = _BoundedFaults(self.name, limits.faults)
        self._left_out: dict[str, list[str]] = {}  # the first places, by reason
        self._num_left_out = Counter[str]()

    def add(self, line: ScriptLine) -> None:
        """Raises StopReadingError."""
        self.check_room(1)
        self._lines.append(line)

    def check_room(self, num_lines: int) -> None:
        """Raise StopReadingError if so many lines cannot be added."""
        if len(self._lines) + num_lines > self.limits.script_lines:
            self.fault("", f"has more than {self.limits.script_lines:,} lines; split it into several files")
            raise StopReadingError

    def begin_chapter(self, title: str) -> None:
        """The next line that is added is the chapter's first."""
        self._chapters.append(Chapter(one_line(title)[: self.limits.name_chars], len(self._lines)))

    def fault(self, place: str, what: str) -> None:
        """Report what makes the script unusable, at a place in it (`:41 (cue 12)`, ` row 7`).

        Raises StopReadingError after 10,000 faults: the file is then hardly of its kind.
        """
        self._faults.add(Fault(self.name + printable(place), printable(what)))
        if len(self._faults) >= _MOST_FAULTS:
            raise StopReadingError

    def setting_fault(self, key: str, what: str) -> None:
        """Report a fault of a key in job.toml's [script] table."""
        self._faults.add(Fault(f"script.{key}", printable(what)))

    def warn(self, place: str, what: str) -> None:
        """Report what does not keep the script from being spoken."""
        self._warnings.add(Fault(self.name + printable(place), printable(what)))

    def leave_out(self, reason: str, place: str) -> None:
        """Count something that becomes no line; one warning for each reason names the first places."""
        self._num_left_out[reason] += 1
        if self._num_left_out[reason] <= _PLACES_NAMED:
            self._left_out.setdefault(reason, []).append(place)

    def finish(self) -> Script:
        """The script. One without faults has at least one line."""
        if not self._lines and not self._faults:
            self.fault("", "holds nothing to speak")
        for reason, places in self._left_out.items():
            more = self._num_left_out[reason] - len(places)
            listed = ", ".join(places) + (f" and {more:,} more" if more else "")
            self.warn("", f"left out, {reason}: {listed}")
        return Script(
            lines=tuple(self._lines),
            chapters=tuple(chapter for chapter in self._chapters if chapter.first_line < len(self._lines)),
            title=one_line(self.title)[: self.limits.name_chars],
            author=one_line(self.author)[: self.limits.name_chars],
            language=self.language,
            cover=self.cover,
            faults=self._faults.all(),
            warnings=self._warnings.all(),
        )


class _BoundedFaults:
    """The first faults, and how many more there are."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._first: list[Fault] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, fault: Fault) -> None:
        self._count += 1
        if self._count <= self._most:
            self._first.append(fault)

    def all(self) -> tuple[Fault, ...]:
        """At most as many as allowed, the last of which counts those that are not shown."""
        if self._count <= self._most:
            return tuple(self._first)
        shown = self._first[: self._most - 1]
        at_least = "at least " if self._count >= _MOST_FAULTS else ""
        return (*shown, Fault(self._name, f"and {at_least}{self._count - len(shown):,} more like these"))


def speech(text: str) -> str:
    """The text on one line, white space collapsed, invisible characters removed."""
    line = " ".join(text.split())
    return line if line.isprintable() else one_line(line)


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit to speak."""
    return any(char.isalnum() for char in text)


def language_tag(written: str) -> str:
    """A tag such as "en" or "pt-BR"; "" for what is none."""
    tag = written.strip()
    return tag if _LANGUAGE.fullmatch(tag) else ""


def quoted(text: str) -> str:
    """The beginning of a text, for messages."""
    line = speech(text[: 4 * _QUOTED_CHARS])
    return f'"{line}"' if len(line) <= _QUOTED_CHARS else f'"{line[:_QUOTED_CHARS]}…"'
