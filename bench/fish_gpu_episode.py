"""The whole episode (6 speakers, 46 segments) through the engine on one device, codec included.

Random weights never stop by themselves, so a take ends when its text would have been spoken, at 15 letters a
second: the decoder here reports that end in place of its own. Everything else is the engine as it is.
"""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import torch

from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.cuda.codec_stream import StreamedCodec
from fishd.engines.fish.cuda.graph_decoder import GraphDecoder, frame_settings
from fishd.engines.fish.decode.decoder import RowStatus
from fishd.engines.fish.decode.slot_plan import SlotPlan, plan_slots
from fishd.engines.fish.engine import FishEngine
from fishd.engines.fish.load import measure_costs
from fishd.engines.fish.model.weights import load_model
from fishd.engines.fish.options import Sampling
from fishd.engines.fish.voices import Voices
from fishd.engines.protocol import Spoken, Take, Voice

EPISODE = Path(__file__).resolve().parent.parent / "inbox_example" / "episode"
LETTERS_A_SECOND = 15.0
BUDGET_GB = 24.0


class Ending(GraphDecoder):
    """Ends every row at the number of frames that `lengths` gives for its seed."""

    lengths: dict[int, int]

    def prefill(self, rows, prompts) -> None:
        super().prefill(rows, prompts)
        for row, prompt in zip(rows, prompts, strict=True):
            self._ends[row], self._drawn[row] = self.lengths[prompt.seed], 0

    def reshape(self, slots: int, length: int) -> None:
        super().reshape(slots, length)
        self._ends, self._drawn = [0] * slots, [0] * slots

    def move_row(self, source: int, target: int) -> None:
        super().move_row(source, target)
        self._ends[target], self._drawn[target] = self._ends[source], self._drawn[source]

    def sample_frame(self, n: int) -> None:
        super().sample_frame(n)
        for row in range(n):
            self._drawn[row] += 1

    def status(self, n: int) -> list[RowStatus]:
        super().status(n)
        return self._said(n)

    def recent_status(self, n: int) -> list[RowStatus]:
        super().recent_status(n)
        return self._said(n)

    def _said(self, n: int) -> list[RowStatus]:
        over = [self._drawn[row] > self._ends[row] for row in range(n)]
        return [RowStatus(self._ends[row] if over[row] else -1, -1) for row in range(n)]


def episode(given) -> dict:
    """First from nothing (voices are encoded and read), then again with the voices known."""
    folder = Path(given.checkpoint)
    model = load_model(folder, given.where, given.dtype)
    lines = []
    for codec_dtype in (torch.float32, torch.bfloat16) if given.is_cuda else (torch.float32,):
        begin = time.perf_counter()
        codec = make_codec(given, folder, codec_dtype)
        takes = the_takes(1 if given.tiny else 0)
        engine = make_engine(given, model, codec, takes)
        load_s = time.perf_counter() - begin
        for name in ("voices new", "voices known", "voices known, again"):
            found = perform(given, engine, takes)
            lines += [{"run": name, "codec": str(codec_dtype), "load_s": load_s, **found}]
        engine.close()
    table = [
        f"{line['wall_s']:7.2f} s for {line['audio_s']:.0f} s of speech ({line['x_real_time']:.0f}x), "
        f"{line['spoken']} of {line['takes']} takes; {line['run']}, codec in {line['codec']}"
        for line in lines
    ]
    return {"lines": lines, "table": table, "notes": list(engine.notes)}


def make_codec(given, folder: Path, dtype: torch.dtype) -> Codec:
    return (StreamedCodec if given.is_cuda else Codec)(folder, given.where, dtype)


def make_engine(given, model, codec: Codec, takes: list[Take]) -> FishEngine:
    slots = 4 if given.tiny else 0
    planned = plan_slots(BUDGET_GB, measure_costs(model, codec), given.where.type, slots, 1024)
    lengths = {take.seed: frames_of(take.text, given.tiny) for take in takes}

    def make_decoder(wanted: SlotPlan) -> Ending:
        decoder = Ending(model, wanted, settings=frame_settings(given.kernels[0], graphs=given.is_cuda))
        decoder.lengths = lengths
        return decoder

    voices = Voices(codec, model.tokenizer, None, planned.prefix_tokens)
    return FishEngine(make_decoder, codec, voices, planned, Sampling())


def frames_of(text: str, tiny: bool) -> int:
    return 4 if tiny else round((0.3 + len(text) / LETTERS_A_SECOND) * 44_100 / 2048)


def the_takes(limit: int) -> list[Take]:
    """The episode's segments, or `limit` a speaker, longest first, as the daemon sends them."""
    takes = []
    for speaker in tomllib.loads((EPISODE / "job.toml").read_text(encoding="utf-8"))["speakers"]:
        voice = Voice(speaker["name"], (EPISODE / speaker["reference"],), speaker["transcript"], "en")
        for segment in speaker["segments"][: limit or None]:
            takes.append(Take(segment["id"], voice, segment["text"], "en", len(takes), 30.0))
    return sorted(takes, key=lambda take: -len(take.text))


def perform(given, engine: FishEngine, takes: list[Take]) -> dict:
    """All takes through the engine, fed as the worker feeds it."""
    waiting, in_hand, ended = list(takes), 0, []
    begin = time.perf_counter()
    while waiting or in_hand:
        while waiting and in_hand < engine.capacity:
            engine.start(waiting.pop(0))
            in_hand += 1
        now = engine.step()
        in_hand -= len(now)
        ended += now
    wall_s = time.perf_counter() - begin
    good = [e for e in ended if isinstance(e, Spoken)]
    audio_s = sum(len(e.audio) for e in good) / engine.sample_rate
    faults = sorted({e.reason for e in ended if not isinstance(e, Spoken)})
    peak_gb = torch.cuda.max_memory_allocated() / 2**30 if given.is_cuda else 0.0
    return {
        "wall_s": wall_s, "audio_s": audio_s, "x_real_time": audio_s / wall_s, "spoken": len(good),
        "takes": len(takes), "faults": faults, "peak_gb": peak_gb,
    }  # fmt: skip
