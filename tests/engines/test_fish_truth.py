"""In float32, greedy, every row of a batch is what the package's own `generate` draws for it alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fishd.engines.fish.decode.compact import CompactDecoder
from fishd.engines.fish.decode.decoder import Decoder, Prompt
from fishd.engines.fish.decode.kv import Plan
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.weights import load_model
from fishd.engines.fish.options import Sampling
from fishd.engines.fish.prompt import prefix_tokens, suffix_tokens
from tests.engines.fish_checkpoint import make_s1_mini, make_tiny
from tests.engines.fish_upstream import load_upstream, upstream_frames, upstream_prompt

GREEDY = Sampling(temperature=0.8, top_p=1e-6, repetition_penalty=1.125)  # a penalty that bfloat16 can hold
TRANSCRIPTS = ("The first voice says this.", "And the second voice says something rather longer than that.")
TEXTS = (
    "One.",
    "Two words.",
    "A line of some length, with a comma.",
    "Yes!",
    "Why not, then?",
    "The last of them.",
)


def voice_codes(model: Model, voice: int, frames: int) -> torch.Tensor:
    """Made-up codes of a reference clip."""
    generator = torch.Generator().manual_seed(voice)
    size = min(model.semantic_end - model.semantic_begin + 1, 1024)
    return torch.randint(0, size, (model.num_codebooks, frames), generator=generator)


def make_prompts(decoder: Decoder, how: Sampling, frames: int) -> tuple[list[Prompt], list[torch.Tensor]]:
    """Six lines of two voices for our decoder, and the same as the package builds them."""
    model, prompts, theirs = decoder.model, [], []
    for i, text in enumerate(TEXTS):
        voice = i % 2
        codes = voice_codes(model, voice, frames + 13 * voice)
        prefix = decoder.prefill_prefix(prefix_tokens(model.tokenizer, TRANSCRIPTS[voice], codes))
        suffix = suffix_tokens(model.tokenizer, text, model.num_codebooks)
        prompts.append(Prompt(prefix, suffix, i, how))
        theirs.append(upstream_prompt(model.tokenizer, TRANSCRIPTS[voice], codes, text))
    return prompts, theirs


def draw(decoder: Decoder, prompts: list[Prompt], count: int) -> torch.Tensor:
    """`count` frames for every row, [rows, 1 + codebooks, count]."""
    n, frames = len(prompts), []
    decoder.begin(range(n), prompts)
    for _ in range(count):
        decoder.draw(n)
        frames.append(decoder.rows.frame[:n].clone())
        decoder.advance(n)
    return torch.stack(frames, 2)


def compare(
    folder: Path,
    count: int,
    how: Sampling,
    reference_frames: int,
    *,
    quirks: bool = False,
    make: type[Decoder] = Decoder,
) -> int:
    """Assert that rows agree up to the package's end; -> how many frames were compared."""
    model = load_model(folder, torch.device("cpu"), torch.float32, all_token_ids=quirks)
    decoder = make(model, Plan(len(TEXTS), 512, 0, ""), upstream_quirks=quirks)
    prompts, theirs = make_prompts(decoder, how, reference_frames)
    ours = draw(decoder, prompts, count)
    upstream, compared = load_upstream(folder, max_seq_len=512), 0
    for row, prompt in enumerate(theirs):
        expected = upstream_frames(upstream, prompt, count, repetition_penalty=how.repetition_penalty)
        num_frames = expected.shape[1]
        assert expected.tolist() == ours[row, :, :num_frames].tolist(), f"row {row} differs"
        compared += num_frames
    return compared


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rows_equal_the_package(tmp_path: Path, seed: int) -> None:
    """Two voices and six lengths in one batch: token for token what the package draws for each alone."""
    assert 60 < compare(make_tiny(tmp_path, seed=seed, codec=False), 60, GREEDY, 20)


def test_rows_equal_the_package_with_its_quirks(tmp_path: Path) -> None:
    """With upstream_quirks, also where text ids may be drawn and options are rounded to bfloat16."""
    folder = make_tiny(tmp_path, seed=3, codec=False, silent_text=False)
    how = replace(GREEDY, repetition_penalty=1.1)
    assert 60 < compare(folder, 60, how, 20, quirks=True)


def test_rows_laid_out_anew_equal_the_package(tmp_path: Path) -> None:
    """The decoder that a CPU uses in half precision, in float32: rows that grow speak the same."""
    assert 100 < compare(make_tiny(tmp_path, seed=2, codec=False), 90, GREEDY, 20, make=CompactDecoder)


def test_without_the_quirks_no_text_id_is_drawn(tmp_path: Path) -> None:
    """Where the package would draw a text id, only semantic ids and the end token are ever drawn."""
    folder = make_tiny(tmp_path, seed=3, codec=False, silent_text=False)
    model = load_model(folder, torch.device("cpu"), torch.float32)
    decoder = Decoder(model, Plan(len(TEXTS), 512, 0, ""))
    prompts, theirs = make_prompts(decoder, GREEDY, 20)
    upstream = upstream_frames(load_upstream(folder, max_seq_len=512), theirs[0], 20)
    ours = draw(decoder, prompts, 60)[:, 0]
    assert (upstream[0] < model.semantic_begin).any(), "the checkpoint was to tempt"
    assert ((ours >= model.semantic_begin) | (ours == model.im_end)).all()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_rows_equal_the_package_at_s1_mini_shape(tmp_path: Path) -> None:
    """The same at the real model's shape: 860 M random weights, 6 rows, 12 frames each."""
    folder = make_s1_mini(tmp_path, codec=False, dtype=torch.float32)
    assert 6 * 12 == compare(folder, 12, GREEDY, 60)
