"""What listening finds: python bench/quality_listen.py MODEL [--broken 16] [--seed 1]

MODEL is the folder of a faster-whisper model; the speaker encoder must be installed. The preview engine
speaks the example episode, 46 lines of six speakers, and 12 lines in each of 14 other voices. Each good take
is heard, and some of the episode are heard again after they were broken: the last quarter lost, a part three
times, another line's text, another speaker's voice. A voice's reference is the bundle's clip; of the other
voices, which only resemble their references, it is their longest take. Prints what was found of each kind and
the good takes that were rejected, by listening alone and together with the signal check, and what listening
costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import quality
import soundfile
from numpy.typing import NDArray

from fishd.core.quality.baseline import SpeakerBaseline
from fishd.core.quality.signal_check import assess_take, check_signal
from fishd.daemon.listening.listeners import Listeners
from fishd.daemon.listening.schedule import Answer
from fishd.wire.listen import Listen, ReferenceVoice
from fishd.worker.features import measure

EPISODE = Path(__file__).parents[1] / "inbox_example" / "episode"
MIN_SIMILARITY = 0.6
OTHER_VOICES, OTHER_LINES = 14, 12
LEAST_WORDS = 5  # of a line that is broken
LEAST_FOUND, MOST_FALSE = 0.95, 0.02
Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Line:
    speaker: str
    text: str
    audio: Audio


@dataclass(frozen=True)
class Tried:
    """A take of `kind`; `line` is what it should be."""

    kind: str
    line: Line
    audio: Audio


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--broken", type=int, default=16, help="takes of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quality-listen-") as folder:
        lines, rate = speak_episode(Path(folder))
        others = list(speak_others(Path(folder)))
        voices = reference_voices() | longest_takes(others, Path(folder), rate)
        tries = [Tried("good", line, line.audio) for line in (*lines, *others)]
        tries += broken(lines, rate, options.broken, random.Random(options.seed))
        began = time.monotonic()
        answers = asyncio.run(listen(tries, voices, rate, options.model, Path(folder)))
        elapsed_s = time.monotonic() - began
    return report(tries, answers, rate, elapsed_s)


def speak_episode(folder: Path) -> tuple[list[Line], int]:
    """The episode's lines, spoken by a daemon."""
    fishd = [sys.executable, "-m", "fishd"]
    subprocess.run([*fishd, "init", folder / "fishd"], check=True, capture_output=True)
    config = folder / "fishd" / "config.toml"
    shutil.copytree(EPISODE, folder / "fishd" / "spool" / "inbox" / "episode")
    subprocess.run([*fishd, "run", "--once", "--config", config], check=True, capture_output=True)
    outbox = folder / "fishd" / "spool" / "outbox" / "episode"
    result = json.loads((outbox / "result.json").read_text(encoding="utf-8"))
    lines, rate = [], 0
    for speaker in result["speakers"]:
        for segment in speaker["segments"]:
            audio, rate = soundfile.read(outbox / segment["clip"], dtype="float32")
            lines.append(Line(speaker["name"], segment["text"], audio))
    return lines, rate


def speak_others(folder: Path) -> Iterator[Line]:
    """Lines in the voices of bench/quality.py, at the same sample rate."""
    for n, speaker in enumerate(quality.speak_all(folder, OTHER_LINES, ("en",) * OTHER_VOICES)):
        for take in speaker.takes:
            yield Line(f"{speaker.name} {n}", take.text, take.audio)


def longest_takes(lines: Sequence[Line], folder: Path, rate: int) -> dict[str, ReferenceVoice]:
    """The longest take of each speaker, as a reference."""
    longest = {line.speaker: line for line in sorted(lines, key=lambda line: len(line.audio))}
    for name, line in longest.items():
        soundfile.write(folder / f"{name}.wav", line.audio, rate)
    return {name: ReferenceVoice(name, name, (str(folder / f"{name}.wav"),)) for name in longest}


def broken(lines: Sequence[Line], rate: int, number: int, rng: random.Random) -> Iterator[Tried]:
    long_enough = [line for line in lines if len(line.text.split()) >= LEAST_WORDS]
    for _ in range(number):
        line, other = rng.sample(long_enough, 2)
        stranger = rng.choice([one for one in long_enough if one.speaker != line.speaker])
        speech = trimmed(line.audio)
        yield Tried("ending", line, faded(speech[: len(speech) * 3 // 4], rate))
        yield Tried(
            "loop", line, np.concatenate([*[speech[: len(speech) // 3]] * 3, speech[len(speech) // 3 :]])
        )
        yield Tried("text", Line(line.speaker, other.text, line.audio), line.audio)
        yield Tried("voice", Line(line.speaker, stranger.text, line.audio), stranger.audio)


def trimmed(audio: Audio) -> Audio:
    """Without the silence at both ends."""
    (loud,) = np.nonzero(np.abs(audio) > 0.02 * np.abs(audio).max())
    return audio[loud[0] : loud[-1] + 1]


def faded(audio: Audio, rate: int) -> Audio:
    """So that the cut itself cannot be heard."""
    audio = audio.copy()
    fade = rate // 20
    audio[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.concatenate([audio, np.zeros(rate // 5, np.float32)])


async def listen(
    tries: Sequence[Tried], voices: Mapping[str, ReferenceVoice], rate: int, model: Path, folder: Path
) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    finished = asyncio.Event()

    def receive(answer: Answer) -> None:
        answers[answer.id] = answer
        if len(answers) == len(tries):
            finished.set()

    async with asyncio.TaskGroup() as group:
        listeners = Listeners(group, model, receive)
        for n, tried in enumerate(tries):
            clip = folder / f"{n}.wav"
            soundfile.write(clip, tried.audio, rate)
            own = tried.line.speaker
            request = Listen(
                id=str(n),
                clip=str(clip),
                texts=(tried.line.text,),
                language="en",
                voice=voices[own],
                others=tuple(voice for name, voice in voices.items() if name != own),
                min_similarity=MIN_SIMILARITY,
            )
            listeners.ask(request, "bench", len(tried.audio) / rate)
        await finished.wait()
        listeners.stop()
    return answers


def reference_voices() -> dict[str, ReferenceVoice]:
    job = tomllib.loads((EPISODE / "job.toml").read_text(encoding="utf-8"))
    return {
        speaker["name"]: ReferenceVoice(
            speaker["name"], speaker["name"], (str(EPISODE / speaker["reference"]),)
        )
        for speaker in job["speakers"]
    }


def report(tries: Sequence[Tried], answers: dict[str, Answer], rate: int, elapsed_s: float) -> int:
    baselines: dict[str, SpeakerBaseline] = {}
    for tried in tries:
        if tried.kind == "good":
            speaker, text = tried.line.speaker, tried.line.text
            baseline = baselines.get(speaker, SpeakerBaseline())
            baselines[speaker] = baseline.with_take(assess_take(measure(tried.audio, rate), text, baseline))
    alone, together = defaultdict[str, list[bool]](list), defaultdict[str, list[bool]](list)
    for n, tried in enumerate(tries):
        heard = answers[str(n)].heard
        assert heard is not None, answers[str(n)].reason
        signal = check_signal(measure(tried.audio, rate), tried.line.text, baselines[tried.line.speaker])
        alone[tried.kind].append(bool(heard.faults))
        together[tried.kind].append(bool(heard.faults or signal))
        if bool(heard.faults or signal) == (tried.kind == "good"):
            faults = [fault.text for fault in (*heard.faults, *signal)]
            print(f"  {tried.kind}: «{tried.line.text}» heard «{heard.text}» {heard.similarity} {faults}")
    print(f"{'kind':8} {'takes':>5} {'listening':>10} {'and signal':>10}")
    for kind, found in alone.items():
        print(f"{kind:8} {len(found):5} {share(found):10.1%} {share(together[kind]):10.1%}")
    audio_s = sum(len(tried.audio) for tried in tries) / rate
    print(f"{audio_s:.0f} s of audio heard in {elapsed_s:.0f} s: {audio_s / elapsed_s:.1f} x real time")
    all_broken = [found for kind, them in together.items() if kind != "good" for found in them]
    is_good = share(all_broken) >= LEAST_FOUND and share(together["good"]) <= MOST_FALSE
    print(f"found {share(all_broken):.1%}, false alarms {share(together['good']):.1%}")
    return 0 if is_good else 1


def share(found: Sequence[bool]) -> float:
    return sum(found) / len(found)


if __name__ == "__main__":
    sys.exit(main())
