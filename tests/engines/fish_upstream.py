"""fish_speech's own decoding loop (upstream), for the tests and benches that compare with it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from fishd.engines.fish.import_stubs import import_upstream


def load_upstream(folder: Path, dtype: torch.dtype = torch.float32, max_seq_len: int | None = None) -> Any:
    """Upstream's model, loaded by its own code, with a KV cache of `max_seq_len` (else its config's)."""
    (llama,) = import_upstream("fish_speech.models.text2semantic.llama")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its tokenizer leaves a file open
        model = llama.DualARTransformer.from_pretrained(
            str(folder), load_weights=True, max_length=max_seq_len
        )
    return model.to(dtype=dtype).eval()


def upstream_prompt(tokenizer: Any, transcript: str, codes: torch.Tensor, text: str) -> torch.Tensor:
    """The prompt that its generate_long builds."""
    (content,) = import_upstream("fish_speech.content_sequence")
    sequence = content.ContentSequence(modality="interleave")
    said = [content.TextPart(text=transcript), content.VQPart(codes=codes)]
    sequence.append(said, add_end=True, speaker=0)
    sequence.append([content.TextPart(text=text)], add_end=False, speaker=0)
    return sequence.encode_for_inference(tokenizer, num_codebooks=len(codes))[0]


def upstream_frames(
    model: Any,
    prompt: torch.Tensor,
    count: int,
    *,
    temperature: float = 0.8,
    top_p: float = 1e-6,
    repetition_penalty: float = 1.1,
) -> torch.Tensor:
    """What its `generate` samples after the prompt, [1 + codebooks, up to count]; greedy by default."""
    (inference,) = import_upstream("fish_speech.models.text2semantic.inference")
    inference.tqdm = lambda frames: frames  # no progress bar in a test's output
    sampled = inference.generate(
        model=model,
        prompt=prompt,
        max_new_tokens=count,
        audio_masks=None,
        audio_parts=None,
        temperature=temperature,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
    )
    return sampled[:, prompt.shape[1] :]
