"""The speaker encoder of Resemblyzer (three LSTM layers, a projection), evaluated with numpy.

L. Wan et al., "Generalized end-to-end loss for speaker verification", 2018. The package declares torch, which
takes two seconds and 400 MB to import and would be used for nothing else here; its weights are all we need.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fishd.listener.audio import SAMPLE_RATE, Samples
from fishd.listener.voice.checkpoint import read_tensors
from fishd.listener.voice.mel import HOP, mel_spectrogram

Array = NDArray[np.float32]

LAYERS, UNITS = 3, 256
PARTIAL_FRAMES, PARTIAL_STEP = 160, 80  # 1.6 s, every 0.8 s
MOST_PARTIALS = 40  # of one clip: a voice is known after half a minute
MIN_SPEECH_S = 0.8  # less says nothing of a voice
_LEVEL_DB, _SILENCE_DB = -30.0, 35.0
_WEIGHTS = "pretrained.pt"


def find_weights() -> Path | None:
    """The weights in the package resemblyzer, which is not imported; None where it is not installed."""
    spec = find_spec("resemblyzer")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name(_WEIGHTS)
    return path if path.exists() else None


class VoiceEncoder:
    """Turns speech into unit vectors; the product of two is their similarity, 0 to 1."""

    def __init__(self, weights: Path) -> None:
        """Raises OSError, and ValueError for another kind of file."""
        tensors = read_tensors(weights, "model_state")
        self._layers = [
            (
                np.ascontiguousarray(tensors[f"lstm.weight_ih_l{n}"].T),
                np.ascontiguousarray(tensors[f"lstm.weight_hh_l{n}"].T),
                tensors[f"lstm.bias_ih_l{n}"] + tensors[f"lstm.bias_hh_l{n}"],
            )
            for n in range(LAYERS)
        ]
        self._projection = tensors["linear.weight"].T
        self._bias = tensors["linear.bias"]

    def embed(self, clips: Iterable[Samples]) -> Array | None:
        """One vector for all clips of a voice; None for too little speech."""
        vectors = [self._embed_partials(speech) for clip in clips if len(speech := _speech(clip))]
        if not vectors:
            return None
        return _unit(np.concatenate(vectors).mean(axis=0))

    def _embed_partials(self, speech: Samples) -> Array:
        frames = mel_spectrogram(speech)
        if len(frames) < PARTIAL_FRAMES:
            frames = np.pad(frames, ((0, PARTIAL_FRAMES - len(frames)), (0, 0)))
        partials = sliding_window_view(frames, PARTIAL_FRAMES, axis=0)[::PARTIAL_STEP][:MOST_PARTIALS]
        return self.encode(np.ascontiguousarray(partials.transpose(2, 0, 1)))

    def encode(self, frames: Array) -> Array:
        """One unit vector for each partial; `frames` have the shape (time, partials, bands)."""
        return _unit(np.maximum(0.0, self._last_hidden(frames) @ self._projection + self._bias))

    def _last_hidden(self, inputs: Array) -> Array:
        for from_input, from_hidden, bias in self._layers:
            hidden = cell = np.zeros((inputs.shape[1], UNITS), np.float32)
            outputs: list[Array] = []
            for driven in inputs @ from_input + bias:
                gates = driven + hidden @ from_hidden
                let_in, forget, let_out = (_sigmoid(gates[:, n * UNITS : (n + 1) * UNITS]) for n in (0, 1, 3))
                cell = forget * cell + let_in * np.tanh(gates[:, 2 * UNITS : 3 * UNITS])
                hidden = let_out * np.tanh(cell)
                outputs.append(hidden)
            inputs = np.stack(outputs)
        return inputs[-1]


def _speech(samples: Samples) -> Samples:
    """The frames of 30 ms that hold speech, at a usual level; empty if they are too few."""
    frame = 3 * HOP
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    power = (frames**2).mean(axis=1) if len(frames) else np.zeros(0, np.float32)
    if not len(power) or power.max() <= 0:
        return samples[:0]
    loud = power > np.quantile(power, 0.95) * 10 ** (-_SILENCE_DB / 10)
    heard = np.convolve(loud, np.ones(7), "same") > 0  # pauses of up to 0.2 s stay
    speech = frames[heard].reshape(-1)
    if loud.sum() * frame < MIN_SPEECH_S * SAMPLE_RATE:
        return samples[:0]
    gain = 10 ** (_LEVEL_DB / 20) / np.sqrt((speech**2).mean())
    return speech * np.float32(max(1.0, gain))


def _sigmoid(x: Array) -> Array:
    half = np.float32(0.5)
    return half * np.tanh(half * x) + half


def _unit(vectors: Array) -> Array:
    lengths = np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return (vectors / lengths).astype(np.float32)
