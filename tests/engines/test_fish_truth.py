"""In float32, greedy, every row of a batch equals what fish_speech's own `generate` produces for it alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fishd.engines.fish.decode.compact import CompactDecoder
from fishd.engines.fish.decode.decoder import Decoder
from fishd.engines.fish.decode.slot_plan import SlotPlan
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.weights import load_model
from fishd.engines.fish.options import Sampling
from tests.engines.fish_checkpoint import make_s1_mini, make_tiny
from tests.engines.fish_parts import CPU, LINES, TRANSCRIPTS, make_prompts, sample_frames, voice_codes
from tests.engines.fish_upstream import load_upstream, upstream_frames, upstream_prompt

GREEDY = Sampling(temperature=0.8, top_p=1e-6, repetition_penalty=1.125)  # a penalty exact in bfloat16
PLAN = SlotPlan(len(LINES), 512, 0, "")


def upstream_prompts(model: Model, frames: int) -> list[torch.Tensor]:
    """The prompts of `make_prompts` as fish_speech builds them."""
    codes = [voice_codes(model, voice, frames + 13 * voice) for voice in range(2)]
    return [
        upstream_prompt(model.tokenizer, TRANSCRIPTS[i % 2], codes[i % 2], text)
        for i, text in enumerate(LINES)
    ]


def compare(
    folder: Path,
    count: int,
    options: Sampling,
    reference_frames: int,
    *,
    quirks: bool = False,
    make: type[Decoder] = Decoder,
) -> int:
    """Assert that all rows agree up to upstream's end. Returns the number of frames compared."""
    model = load_model(folder, CPU, torch.float32, all_token_ids=quirks)
    decoder = make(model, PLAN, upstream_quirks=quirks)
    frames = sample_frames(decoder, make_prompts(decoder, options, reference_frames), count)
    upstream, num_compared = load_upstream(folder, max_seq_len=512), 0
    for row, prompt in enumerate(upstream_prompts(model, reference_frames)):
        expected = upstream_frames(upstream, prompt, count, repetition_penalty=options.repetition_penalty)
        num_frames = expected.shape[1]
        assert expected.tolist() == frames[row, :, :num_frames].tolist(), f"row {row} differs"
        num_compared += num_frames
    return num_compared


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rows_equal_upstream(tmp_path: Path, seed: int) -> None:
    """Two voices and six lengths in one batch: token for token what upstream produces for each alone."""
    assert 60 < compare(make_tiny(tmp_path, seed=seed, codec=False), 60, GREEDY, 20)


def test_rows_equal_upstream_with_its_quirks(tmp_path: Path) -> None:
    """With upstream_quirks, also where text ids may be sampled and options are rounded to bfloat16."""
    folder = make_tiny(tmp_path, seed=3, codec=False, silent_text=False)
    options = replace(GREEDY, repetition_penalty=1.1)
    assert 60 < compare(folder, 60, options, 20, quirks=True)


def test_compact_rows_equal_upstream(tmp_path: Path) -> None:
    """The decoder that a CPU uses in half precision, in float32: rows that grow decode the same."""
    assert 100 < compare(make_tiny(tmp_path, seed=2, codec=False), 90, GREEDY, 20, make=CompactDecoder)


def test_without_the_quirks_no_text_id_is_sampled(tmp_path: Path) -> None:
    """Where upstream would sample a text id, only semantic ids and the end token are ever sampled."""
    folder = make_tiny(tmp_path, seed=3, codec=False, silent_text=False)
    model = load_model(folder, CPU, torch.float32)
    decoder = Decoder(model, PLAN)
    upstream = upstream_frames(load_upstream(folder, max_seq_len=512), upstream_prompts(model, 20)[0], 20)
    tokens = sample_frames(decoder, make_prompts(decoder, GREEDY), 60)[:, 0]
    assert (upstream[0] < model.semantic_begin).any(), "this checkpoint must favour text ids"
    assert ((tokens >= model.semantic_begin) | (tokens == model.im_end)).all()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_rows_equal_upstream_at_s1_mini_shape(tmp_path: Path) -> None:
    """The same at the real model's shape: 860 M random weights, 6 rows, 12 frames each."""
    folder = make_s1_mini(tmp_path, codec=False, dtype=torch.float32)
    assert 6 * 12 == compare(folder, 12, GREEDY, 60)
