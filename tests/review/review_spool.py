"""A spool with finished jobs in it, made without a daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from fishd.spool.root import FOLDERS

RATE = 16_000
FINISHED = "2026-11-25T04:00:00.000Z"


def make_spool(folder: Path) -> Path:
    """The root of an empty spool, with a configuration beside it."""
    root = folder / "spool"
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    (folder / "config.toml").write_text('[spool]\nroot = "spool"\n')
    return root


def make_job(root: Path, name: str = "Episode", num_lines: int = 3, **changes: Any) -> Path:
    """A finished job with real clips; of three lines or more the second is doubtful, the last has failed."""
    folder = root / "outbox" / name
    (folder / "clips" / "Ada").mkdir(parents=True)
    (folder / "references").mkdir()
    write_tone(folder / "references" / "ada.wav", 110)
    segments = [_segment(folder, number) for number in range(1, num_lines + 1)]
    if num_lines > 2:
        segments[1]["quality"]["faults"] = [{"kind": "silence", "text": "2 s of silence", "severity": 0.5}]
        segments[-1] |= {"status": "failed", "clip": None, "error": "the engine gave up"}
    result = {
        "job": name,
        "title": name,
        "status": "done" if num_lines < 3 else "partial",
        "engine": "preview",
        "device_names": ["CPU"],
        "started": FINISHED,
        "finished": FINISHED,
        "totals": _totals(segments),
        "errors": [],
        "speakers": [
            {"name": "Ada", "language": "en", "segments": segments, "references": ["references/ada.wav"]}
        ],
    } | changes
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return folder


def write_tone(path: Path, pitch: float, seconds: float = 0.5) -> None:
    times = np.arange(round(seconds * RATE)) / RATE
    envelope = np.sin(np.pi * times / seconds)
    soundfile.write(path, 0.5 * envelope * np.sin(2 * np.pi * pitch * times), RATE, subtype="PCM_16")


def _segment(folder: Path, number: int) -> dict[str, Any]:
    clip = f"clips/Ada/{number:03}.wav"
    if number <= 50:
        write_tone(folder / clip, 200 + 20 * number)
    else:
        (folder / clip).hardlink_to(folder / f"clips/Ada/{number % 50 + 1:03}.wav")
    return {
        "id": f"{number:03}",
        "text": f"This is line {number} of the script, which somebody has to listen to.",
        "status": "done",
        "clip": clip,
        "duration_s": 0.5,
        "takes": 1,
        "seed": number,
        "worker": 0,
        "device": "cpu",
        "digest": f"digest-{number}",
        "position": number - 1,
        "quality": {"faults": [], "cps": 14.0, "level_db": -20.0, "takes": []},
    }


def _totals(segments: list[dict[str, Any]]) -> dict[str, Any]:
    done = [segment for segment in segments if segment["status"] == "done"]
    return {
        "speakers": 1,
        "segments": len(segments),
        "done": len(done),
        "failed": len(segments) - len(done),
        "audio_s": 0.5 * len(done),
        "wall_s": 1.0,
        "speech_rate": 0.5 * len(done),
        "doubtful": sum(bool(segment["quality"]["faults"]) for segment in done),
    }
