"""The whole episode (6 speakers, 46 segments) through the engine on one device, codec included.

Random weights never produce an end token reliably, so a take ends when its text would have been spoken, at 15
letters a second: this decoder reports that end in place of the model's. Everything else is the engine itself.
"""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import torch

from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.cuda.codec_stream import StreamedCodec
from fishd.engines.fish.cuda.graph_decoder import GraphDecoder, frame_settings
from fishd.engines.fish.decode.decoder import RUNNING, RowStatus
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


class ScriptedEndDecoder(GraphDecoder):
    """Ends every row after the number of frames that `lengths` has for its seed."""

    lengths: dict[int, int]

    def prefill(self, rows, prompts) -> None:
        super().prefill(rows, prompts)
        for row, prompt in zip(rows, prompts, strict=True):
            self._ends[row], self._sampled[row] = self.lengths[prompt.seed], 0

    def reshape(self, slots: int, length: int) -> None:
        super().reshape(slots, length)
        self._ends, self._sampled = [0] * slots, [0] * slots

    def move_row(self, source: int, target: int) -> None:
        super().move_row(source, target)
        self._ends[target], self._sampled[target] = self._ends[source], self._sampled[source]

    def sample_frame(self, n: int) -> None:
        super().sample_frame(n)
        for row in range(n):
            self._sampled[row] += 1

    def status(self, n: int) -> list[RowStatus]:
        super().status(n)
        return self._scripted_status(n)

    def recent_status(self, n: int) -> list[RowStatus]:
        super().recent_status(n)
        return self._scripted_status(n)

    def _scripted_status(self, n: int) -> list[RowStatus]:
        has_ended = [self._sampled[row] > self._ends[row] for row in range(n)]
        return [RowStatus(self._ends[row] if has_ended[row] else RUNNING, RUNNING) for row in range(n)]


def episode(setting) -> dict:
    """First with new voices (encoded and prefilled), then again with the voices cached."""
    folder = Path(setting.checkpoint)
    model = load_model(folder, setting.torch_device, setting.dtype)
    lines = []
    for codec_dtype in (torch.float32, torch.bfloat16) if setting.is_cuda else (torch.float32,):
        begin = time.perf_counter()
        codec = make_codec(setting, folder, codec_dtype)
        takes = episode_takes(1 if setting.tiny else 0)
        engine = make_engine(setting, model, codec, takes)
        load_s = time.perf_counter() - begin
        for name in ("voices new", "voices known", "voices known, again"):
            result = measure_engine(setting, engine, takes)
            lines += [{"run": name, "codec": str(codec_dtype), "load_s": load_s, **result}]
        engine.close()
    table = [
        f"{line['wall_s']:7.2f} s for {line['audio_s']:.0f} s of speech ({line['x_real_time']:.0f}x), "
        f"{line['spoken']} of {line['takes']} takes; {line['run']}, codec in {line['codec']}"
        for line in lines
    ]
    return {"lines": lines, "table": table, "notes": list(engine.notes)}


def make_codec(setting, folder: Path, dtype: torch.dtype) -> Codec:
    return (StreamedCodec if setting.is_cuda else Codec)(folder, setting.torch_device, dtype)


def make_engine(setting, model, codec: Codec, takes: list[Take]) -> FishEngine:
    slots = 4 if setting.tiny else 0
    plan = plan_slots(BUDGET_GB, measure_costs(model, codec), setting.torch_device.type, slots, 1024)
    lengths = {take.seed: num_frames(take.text, setting.tiny) for take in takes}

    def make_decoder(wanted: SlotPlan) -> ScriptedEndDecoder:
        settings = frame_settings(setting.kernels[0], graphs=setting.is_cuda)
        decoder = ScriptedEndDecoder(model, wanted, settings=settings)
        decoder.lengths = lengths
        return decoder

    voices = Voices(codec, model.tokenizer, None, plan.prefix_tokens)
    return FishEngine(make_decoder, codec, voices, plan, Sampling())


def num_frames(text: str, tiny: bool) -> int:
    return 4 if tiny else round((0.3 + len(text) / LETTERS_A_SECOND) * 44_100 / 2048)


def episode_takes(limit: int) -> list[Take]:
    """The episode's segments, or `limit` of each speaker, longest first, as the daemon sends them."""
    takes = []
    for speaker in tomllib.loads((EPISODE / "job.toml").read_text(encoding="utf-8"))["speakers"]:
        voice = Voice(speaker["name"], (EPISODE / speaker["reference"],), speaker["transcript"], "en")
        for segment in speaker["segments"][: limit or None]:
            takes.append(Take(segment["id"], voice, segment["text"], "en", len(takes), 30.0))
    return sorted(takes, key=lambda take: -len(take.text))


def measure_engine(setting, engine: FishEngine, takes: list[Take]) -> dict:
    """All takes through the engine, fed as the worker feeds it."""
    waiting, in_flight, ended = list(takes), 0, []
    begin = time.perf_counter()
    while waiting or in_flight:
        while waiting and in_flight < engine.capacity:
            engine.start(waiting.pop(0))
            in_flight += 1
        now = engine.step()
        in_flight -= len(now)
        ended += now
    wall_s = time.perf_counter() - begin
    spoken = [e for e in ended if isinstance(e, Spoken)]
    audio_s = sum(len(e.audio) for e in spoken) / engine.sample_rate
    faults = sorted({e.reason for e in ended if not isinstance(e, Spoken)})
    peak_gb = torch.cuda.max_memory_allocated() / 2**30 if setting.is_cuda else 0.0
    return {
        "wall_s": wall_s, "audio_s": audio_s, "x_real_time": audio_s / wall_s, "spoken": len(spoken),
        "takes": len(takes), "faults": faults, "peak_gb": peak_gb,
    }  # fmt: skip
