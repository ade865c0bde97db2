"""What the openai engine costs beside a server that takes a fixed time for each request, as a GPU would.

    python -m bench.server [--answer 0.2] [--rounds 10]

The server is the tests' own, in a process of its own: it says nothing of a real one. For each API and number
of slots it prints takes a second against the limit that the server's time sets (slots / answer), and the CPU
time of the engine's process for each take, with a reference of 10 s at 44.1 kHz.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import soundfile

from fishd.engines.openai.engine import OpenAIEngine, load_engine
from fishd.engines.openai.options import read_settings
from fishd.engines.protocol import Spoken, Take, Voice
from tests.engines.speech_server import RATE, Handler, SpeechServer, audio_file, serving, tone

SLOTS = (1, 8, 32, 64)
CLIP_S = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--answer", type=float, default=0.2, help="seconds that the server takes")
    parser.add_argument("--rounds", type=int, default=10, help="takes for each slot")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, server_process(arguments.answer) as url:
        clip = Path(folder) / "clip.wav"
        soundfile.write(clip, tone(10.0), RATE, subtype="PCM_16")
        voice = Voice("a voice", (clip,), "A tone.", "en")
        for api in ("openai", "fish"):
            for slots in SLOTS:
                options = {"base_url": url, "api": api, "concurrency": slots}
                with closing(load_engine(read_settings(options))) as engine:
                    speak(engine, voice, slots)  # warm up: the voice, the connections
                    wall_s, cpu_s = speak(engine, voice, slots * arguments.rounds)
                takes = slots * arguments.rounds
                share = takes / wall_s / (slots / arguments.answer)
                speed = f"{takes / wall_s:6.1f} takes/s, {share:.2f} of the server's limit"
                print(f"{api:6} {slots:3} slots: {speed}, {cpu_s / takes * 1000:.1f} ms of CPU a take")


def speak(engine: OpenAIEngine, voice: Voice, takes: int) -> tuple[float, float]:
    """Wall and CPU seconds for so many takes, fed as the worker does."""
    wall, cpu = time.perf_counter(), time.process_time()
    started, in_flight = 0, 0
    while started < takes or in_flight:
        while started < takes and in_flight < engine.capacity:
            engine.start(Take(str(started), voice, f"Line {started}.", "en", started, 10.0))
            started, in_flight = started + 1, in_flight + 1
        ends = engine.step()
        assert all(isinstance(end, Spoken) for end in ends), ends
        in_flight -= len(ends)
    return time.perf_counter() - wall, time.process_time() - cpu


@contextmanager
def server_process(answer_s: float) -> Iterator[str]:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, answer_s))
    process.start()
    yield ours.recv()
    ours.send("stop")
    process.join()


def serve(pipe: Connection, answer_s: float) -> None:
    body = audio_file(tone(CLIP_S))

    def answer(handler: Handler) -> None:
        threading.Event().wait(answer_s)
        handler.send(200, body)

    with serving(SpeechServer(always=answer)) as server:
        pipe.send(server.url)
        pipe.recv()


if __name__ == "__main__":
    main()
