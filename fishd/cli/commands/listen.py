"""`fishd listen`: check clips that exist already, as takes are checked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from rich.console import Console

from fishd.cli.findings import FAULT, NOTE, OK, WARNING, Finding, print_finding
from fishd.cli.listening.check_clips import CheckedClip, check_clips
from fishd.cli.listening.clips import find_clips
from fishd.cli.locate import read_config
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, console
from fishd.core.quality.settings import QualitySettings
from fishd.core.text.humanize import count
from fishd.core.text.to_json import as_json
from fishd.host.recogniser import listening_faults

SIGNAL_ONLY = "words are not checked: name a faster-whisper model, by --recogniser or quality.recogniser"


class ClipReport(msgspec.Struct, frozen=True):
    """One clip in the output of --json; null where it was not measured or cannot be judged."""

    clip: str
    speaker: str
    text: str
    faults: tuple[str, ...]
    heard: str | None
    wer: float | None
    unheard: str | None


class Report(msgspec.Struct, frozen=True):
    """The output of --json: doubtful clips first."""

    clips: tuple[ClipReport, ...]
    doubtful: int
    listened: bool


def listen(
    target: Path, path: Path | None, recogniser: Path | None, language: str, *, as_json_text: bool
) -> int:
    """Check all clips of the target, and print the doubtful ones first; the exit code."""
    quality = read_config(path).quality
    if recogniser is not None:
        quality = replace(quality, recogniser=recogniser)
        _check(quality)
    clips = find_clips(target, language)
    with console(stderr=True).status("listening …") as status:
        checked = asyncio.run(
            check_clips(
                clips,
                quality.recogniser,
                quality.max_wer,
                lambda number: status.update(f"heard {number} of {count(len(clips), 'clip')} …"),
            )
        )
    checked.sort(key=lambda clip: not clip.faults)
    if as_json_text:
        print(as_json(_report(checked, quality)).decode())
    else:
        _print(checked, quality, console())
    return EXIT_FAILED if any(clip.faults for clip in checked) else EXIT_OK


def _check(quality: QualitySettings) -> None:
    if faults := [what for key, what in listening_faults(quality) if key == "recogniser"]:
        raise CommandError("\n".join(f"--recogniser: {what}" for what in faults))


def _report(checked: Sequence[CheckedClip], quality: QualitySettings) -> Report:
    clips = tuple(
        ClipReport(
            clip=one.clip.name,
            speaker=one.clip.speaker,
            text=one.clip.text,
            faults=one.faults,
            heard=one.heard.text if one.heard else None,
            wer=one.heard.wer if one.heard else None,
            unheard=one.unheard or None,
        )
        for one in checked
    )
    return Report(clips, sum(bool(one.faults) for one in checked), quality.recogniser is not None)


def _print(checked: Sequence[CheckedClip], quality: QualitySettings, out: Console) -> None:
    doubtful = [one for one in checked if one.faults]
    for one in doubtful:
        print_finding(out, Finding(FAULT, f"{one.clip.name}: {'; '.join(one.faults)}"))
        print_finding(out, Finding(NOTE, one.clip.text), indent=2, style="dim")
    for one in checked:
        if one.unheard:
            print_finding(out, Finding(WARNING, f"{one.clip.name}: was not listened to: {one.unheard}"))
    tally = f"{len(doubtful)} doubtful of {count(len(checked), 'clip')}"
    print_finding(out, Finding(FAULT if doubtful else OK, tally), style="bold")
    if quality.recogniser is None:
        print_finding(out, Finding(WARNING, SIGNAL_ONLY))
