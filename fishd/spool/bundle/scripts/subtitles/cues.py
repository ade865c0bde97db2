"""Turns cues of any subtitle format into lines: one for each voice in a cue, all with the cue's times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase
from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.draft import speech
from fishd.spool.bundle.scripts.model import ScriptLine
from fishd.spool.bundle.scripts.sounds import spoken_part
from fishd.spool.bundle.scripts.speakers import SpeakerNames
from fishd.spool.bundle.scripts.timestamps import format_timestamp

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

_MOST_CHARS = 20_000  # of a cue's text
_DASH = re.compile(r"[-‐‑–—](?:\s+(?=\S)|(?=[^\s\d-]))")  # not a minus, nor the -- of a broken sentence
_SPEAKER_CHANGE = re.compile(r">>+\s*")  # of broadcast captions
_SENTENCE_ENDS = (*".!?…])♪", '."', '!"', '?"', ".”", "!”", "?”")


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue with its markup, from `line` on; `label` is its number or name, else its position."""

    line: int
    label: str
    start: float
    end: float
    text: str
    speaker: str = ""  # where the format has a field for it


@dataclass(frozen=True, slots=True)
class Voice:
    """What one voice says in a cue, its text lines without markup."""

    text: str
    speaker: str = ""


def cue_place(line: int, label: str) -> str:
    """`:41 (cue 12)`, to stand behind the file's name."""
    return f":{line} (cue {label[:40]})"


def add_cues(cues: Iterable[Cue], voices_of: Callable[[Cue], Iterable[Voice]], draft: ScriptDraft) -> None:
    """Add every cue's lines to the draft; cues without text are left out. Raises StopReadingError."""
    names = SpeakerNames(draft.settings.speakers)
    spoken: list[tuple[str, list[ScriptLine]]] = []
    num_lines = 0
    for cue in cues:
        if len(cue.text) > _MOST_CHARS:
            what = f"has {len(cue.text):,} characters; is a time line missing in it?"
            draft.fault(cue_place(cue.line, cue.label), what)
        elif lines := _lines(cue, voices_of(cue), names, draft):
            spoken.append((cue.label, lines))
            num_lines += len(lines)
            draft.check_room(num_lines)
    for id_, line in zip(_ids(spoken), (line for _, lines in spoken for line in lines), strict=True):
        draft.add(replace(line, id=id_))


def _lines(cue: Cue, voices: Iterable[Voice], names: SpeakerNames, draft: ScriptDraft) -> list[ScriptLine]:
    utterances = [said for voice in voices for said in _utterances(voice, names)]
    if not utterances:
        draft.leave_out("because there is no text", f"line {cue.line} (cue {cue.label[:40]})")
        return []
    if cue.end <= cue.start:
        start, end = format_timestamp(cue.start), format_timestamp(cue.end)
        what = f"ends at {end}, which is not after its start at {start}"
        draft.fault(cue_place(cue.line, cue.label), what)
    lines = [_line(cue, speaker, text, names, draft) for speaker, text in utterances]
    first_spoken = next((n for n, line in enumerate(lines) if not line.is_skipped), len(lines))
    return [replace(line, same_cue=n > first_spoken and not line.is_skipped) for n, line in enumerate(lines)]


def _line(cue: Cue, speaker: str, lines: list[str], names: SpeakerNames, draft: ScriptDraft) -> ScriptLine:
    text, is_skipped = spoken_part(lines, draft.settings.skip)
    if not speaker and not is_skipped:  # "[door slams] MARA: Who is there?"
        speaker, text = names.split(text)
    return ScriptLine(
        place=draft.name + cue_place(cue.line, cue.label),
        text=text,
        speaker=speaker,
        start=cue.start,
        end=cue.end,
        is_skipped=is_skipped,
    )


def _utterances(voice: Voice, names: SpeakerNames) -> Iterator[tuple[str, list[str]]]:
    """(speaker, text lines) of everyone who speaks; a dash or a name before a text line begins another."""
    given = names.without_extension(voice.speaker)
    said: list[tuple[str, list[str]]] = []
    lines = [line for written in voice.text.split("\n") if (line := speech(written))]
    is_dialogue = bool(lines) and _DASH.match(lines[0]) is not None
    for line in lines:
        may_have_dash = is_dialogue or (said and said[-1][1][-1].endswith(_SENTENCE_ENDS))
        text = _SPEAKER_CHANGE.sub("", line, count=1) if line.startswith(">>") else line
        text = text[dash.end() :] if may_have_dash and (dash := _DASH.match(text)) else text
        speaker, rest = ("", text) if given else names.split(text)
        if text != line or speaker or not said:
            said.append((given or speaker, [rest]))
        else:
            said[-1][1].append(line)
    yield from ((speaker, lines) for speaker, lines in said if any(lines))


def _ids(cues: Sequence[tuple[str, Sequence[object]]]) -> list[str]:
    """An id for each line: its cue's label, or the cue's position where labels stand twice."""
    by_label = list(_numbered([label for label, _ in cues], cues))
    if len(set(by_label)) == len(by_label):
        return by_label
    return list(_numbered([str(position) for position in range(1, len(cues) + 1)], cues))


def _numbered(labels: Sequence[str], cues: Sequence[tuple[str, Sequence[object]]]) -> Iterator[str]:
    """Numbers are padded, so that files sort; the lines of one cue are told apart by letters."""
    width = max(3, len(str(len(cues))))
    for label, (_, lines) in zip(labels, cues, strict=True):
        cue_id = label.zfill(width) if label.isdecimal() else label
        if len(lines) == 1:
            yield cue_id
        else:
            yield from (cue_id + _letters(n) for n in range(len(lines)))


def _letters(number: int) -> str:
    """0 -> a, 25 -> z, 26 -> aa."""
    more, last = divmod(number, len(ascii_lowercase))
    return (_letters(more - 1) if more else "") + ascii_lowercase[last]
