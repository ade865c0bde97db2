"""The speaker encoder without torch computes what it computes with torch."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from fishd.listener.audio import read_clip
from fishd.listener.voice.checkpoint import read_tensors
from fishd.listener.voice.encoder import LAYERS, UNITS, VoiceEncoder, find_weights
from fishd.listener.voice.mel import NUM_BANDS, mel_spectrogram
from tests.listener.material import recorded, speaker_encoder


def weights() -> Path:
    speaker_encoder()
    path = find_weights()
    assert path is not None
    return path


def test_the_checkpoints_tensors_are_those_that_torch_reads():
    torch = pytest.importorskip("torch")

    ours = read_tensors(weights(), "model_state")
    theirs = torch.load(weights(), map_location="cpu", weights_only=True)["model_state"]

    assert list(theirs) == list(ours)
    assert all(np.array_equal(theirs[name].numpy(), ours[name]) for name in theirs)


def test_the_encoder_computes_what_torch_computes():
    torch = pytest.importorskip("torch")
    state = torch.load(weights(), map_location="cpu", weights_only=True)["model_state"]
    lstm, linear = torch.nn.LSTM(NUM_BANDS, UNITS, LAYERS), torch.nn.Linear(UNITS, UNITS)
    for module, prefix in ((lstm, "lstm."), (linear, "linear.")):
        module.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    frames = np.random.default_rng(7).random((160, 5, NUM_BANDS), np.float32)

    with torch.no_grad():
        _, (hidden, _) = lstm(torch.tensor(frames))
        expected = torch.nn.functional.normalize(torch.relu(linear(hidden[-1]))).numpy()

    assert expected == pytest.approx(VoiceEncoder(weights()).encode(frames), abs=1e-5)


def test_a_voice_is_closer_to_itself_than_to_others():
    encoder = VoiceEncoder(weights())
    names = ("Mara", "Oscar", "Edith", "Pip", "Doctor Moss", "Ross")
    clips = {name: read_clip(recorded(name).path) for name in names}
    halves = {
        name: [encoder.embed([half]) for half in (clip[: len(clip) // 2], clip[len(clip) // 2 :])]
        for name, clip in clips.items()
    }

    for name, (first, second) in halves.items():
        others = [halves[other][1] for other in names if other != name]
        assert float(first @ second) > max(float(first @ other) for other in others), name


@pytest.mark.parametrize("length", [0, 1, 100, 8_000])
def test_too_little_speech_has_no_voice(length: int):
    clip = np.random.default_rng(1).standard_normal(length).astype(np.float32)

    assert VoiceEncoder(weights()).embed([clip, np.zeros(20_000, np.float32)]) is None


def test_a_tone_falls_into_the_band_of_its_frequency():
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)

    bands = mel_spectrogram(tone)

    assert (101, NUM_BANDS) == bands.shape
    assert {13} == set(bands[5:-5].argmax(axis=1))  # 1 kHz is 15 mel; its centre is at 14 × 45.2 / 41


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path):
    file = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {}, print):
        pickle.dump(part, file, protocol=2)
    path = tmp_path / "pretrained.pt"
    path.write_bytes(file.getvalue())

    with pytest.raises(ValueError, match=r"is no checkpoint of torch 1\.0: it holds a __builtin__\.print"):
        read_tensors(path, "model_state")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps(7, protocol=2)])
def test_another_file_is_no_checkpoint(tmp_path: Path, content: bytes):
    path = tmp_path / "pretrained.pt"
    path.write_bytes(content)

    with pytest.raises(ValueError, match="is no checkpoint of torch"):
        read_tensors(path, "model_state")
