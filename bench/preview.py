"""The preview engine's speed and memory on one core.

    python bench/preview.py

Prints the speed against real time (warm), the cold and the warm start, the time to enrol a voice, and the
peak memory. Each start is measured in a new process, everything with one thread.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
TRANSCRIPT = "The quick brown fox jumped over the lazy dog while the rain fell on the roof."
LINES = (
    "The old lighthouse keeper climbed the stairs every evening before the sun went down.",
    "She opened the letter slowly, because she already knew what it would say.",
    "Could you tell me where the nearest train station is, and how long the walk will take?",
    "Good evening, and welcome.",
)
ROUNDS = 8


def main() -> None:
    if sys.argv[1:]:
        print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        clip, cache = Path(folder) / "clip.wav", Path(folder) / "cache"
        make_clip(clip)
        cold, warm = (run(clip, cache) for _ in range(2))
    print(f"machine              {machine()}, one core")
    print(f"speed                x{warm['speed']:.0f} real time, warm ({warm['audio_s']:.0f} s of speech)")
    print(f"cold start           {cold['load_s']:.2f} s to ready, {cold['first_s']:.2f} s to the first clip")
    print(f"warm start           {warm['load_s']:.2f} s to ready, {warm['first_s']:.2f} s to the first clip")
    print(f"enrolling a voice    {cold['voice_s']:.2f} s for a clip of {cold['clip_s']:.1f} s, once")
    print(f"peak memory          {max(cold['rss_mb'], warm['rss_mb']):.0f} MB")


def run(clip: Path, cache: Path) -> dict[str, float]:
    command = [sys.executable, __file__, str(clip), str(cache)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def make_clip(clip: Path) -> None:
    """A reference with a deeper voice: the stock voice, played slower."""
    import soundfile
    from hibari import Hibari

    soundfile.write(clip, Hibari()(TRANSCRIPT, speed=1.25, seed=0), 19_200)


def measure(clip: Path, cache: Path) -> dict[str, float]:
    """In this process: load, speak a first clip (the voice is enrolled or read from the cache), then many."""
    started = time.perf_counter()
    from fishd.engines import preview
    from fishd.engines.protocol import Voice

    engine = preview.factory("cpu", {"cache_dir": str(cache)})
    load_s = time.perf_counter() - started
    voice = Voice("bench", (clip,), TRANSCRIPT, "en")
    first_s, _ = speak(engine, voice, LINES[3])
    again_s, _ = speak(engine, voice, LINES[3])
    spoken = [speak(engine, voice, line) for _ in range(ROUNDS) for line in LINES]
    work_s, audio_s = (sum(column) for column in zip(*spoken, strict=True))
    return {
        "load_s": load_s,
        "first_s": load_s + first_s,
        "voice_s": first_s - again_s,
        "clip_s": clip_length_s(clip),
        "speed": audio_s / work_s,
        "audio_s": audio_s,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def speak(engine: object, voice: object, text: str) -> tuple[float, float]:
    """(seconds of work, seconds of speech)."""
    from fishd.engines.protocol import Spoken, Take

    started = time.perf_counter()
    engine.start(Take("take", voice, text, "en", 7, 60.0))
    while not (ended := engine.step()):
        pass
    (spoken,) = ended
    assert isinstance(spoken, Spoken), spoken
    return time.perf_counter() - started, len(spoken.audio) / engine.sample_rate


def clip_length_s(clip: Path) -> float:
    import soundfile

    return soundfile.info(clip).duration


def machine() -> str:
    """The processor's name, from /proc/cpuinfo."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor()
    return f"{name} ({len(names)} cores), Python {platform.python_version()}"


if __name__ == "__main__":
    main()
