"""An incomplete checkpoint is refused with the reason; other key layouts are accepted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fishd.engines import fish
from fishd.engines.fish.codec.chunks import group_by_length, run_in_chunks
from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.doctor import INSTALL, check_package, findings
from fishd.engines.fish.model.weights import load_model
from fishd.engines.protocol import EngineError
from tests.engines.fish_checkpoint import make_tiny

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def checkpoint(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "checkpoint"))


def change(file: Path, edit: Callable[[Weights], object]) -> None:
    """Rewrite a file of weights; what `edit` returns is written, or its argument if it returns nothing."""
    weights = torch.load(file, weights_only=True)
    torch.save(edit(weights) or weights, file)


def refused(checkpoint: Path) -> str:
    with pytest.raises(EngineError) as caught:
        fish.factory("cpu", {"checkpoint": str(checkpoint), "precision": "float32"})
    return str(caught.value)


def drop(name: str) -> Callable[[Weights], Weights]:
    return lambda weights: {n: w for n, w in weights.items() if n != name}


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.tiktoken", "special_tokens.json", "model.pth", "codec.pth"]
)
def test_a_missing_file_is_named(checkpoint: Path, name: str) -> None:
    """The message says where to download it."""
    (checkpoint / name).unlink()
    assert f"{name} not found; download" in refused(checkpoint)


def test_no_checkpoint_says_which_key_to_set() -> None:
    """The message names engine.checkpoint."""
    with pytest.raises(EngineError, match=r"set engine\.checkpoint"):
        fish.factory("cpu", {})


@pytest.mark.parametrize(
    ("file", "name"),
    [("model.pth", "layers.1.attention.wqkv.weight"), ("codec.pth", "quantizer.upsample.0.0.conv.bias")],
)
def test_a_missing_weight_is_named(checkpoint: Path, file: str, name: str) -> None:
    """Upstream would only warn and produce noise."""
    change(checkpoint / file, drop(name))
    assert f"{name} is missing" in refused(checkpoint)


def test_a_weight_of_another_shape_is_named(checkpoint: Path) -> None:
    """The message gives both shapes."""
    change(checkpoint / "model.pth", lambda w: w.update({"norm.weight": torch.ones(32)}))
    assert "norm.weight has shape (32,), not (64,)" in refused(checkpoint)


def test_many_faults_are_counted(checkpoint: Path) -> None:
    """Four are listed, and the number of the others."""
    change(checkpoint / "model.pth", lambda w: {"norm.weight": w["norm.weight"]})
    assert "and 27 more" in refused(checkpoint)


def test_quantised_weights_are_refused(checkpoint: Path) -> None:
    """The message says that they are not supported."""
    change(checkpoint / "model.pth", lambda w: w.update({"norm.weight": torch.ones(64, dtype=torch.int8)}))
    assert "quantised checkpoints are not supported" in refused(checkpoint)


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half a file"])
def test_a_damaged_file_is_named(checkpoint: Path, content: bytes) -> None:
    """An interrupted download gives a message, not a traceback."""
    (checkpoint / "model.pth").write_bytes(content)
    assert "model.pth cannot be read as weights" in refused(checkpoint)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "config.json cannot be read"),
        ('{"model_type": "naive"}', "does not describe a dual_ar model"),
        ('{"model_type": "dual_ar", "colour": 1}', "does not know: colour"),
    ],
)
def test_a_bad_config_is_named(checkpoint: Path, text: str, word: str) -> None:
    """Bad JSON, another model, or an unknown key."""
    (checkpoint / "config.json").write_text(text)
    assert word in refused(checkpoint)


def test_a_tokenizer_that_does_not_fit_is_refused(checkpoint: Path) -> None:
    """Its ids would exceed the embeddings, which on a GPU makes the process unusable."""
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps(config | {"vocab_size": 100}))
    assert "the model has room for 100" in refused(checkpoint)


def test_a_codec_yaml_builds_nothing_but_the_codec(checkpoint: Path) -> None:
    """A checkpoint folder cannot run other code."""
    text = (checkpoint / "codec.yaml").read_text()
    (checkpoint / "codec.yaml").write_text(text.replace("fish_speech.models.dac.modded_dac.DAC", "os.system"))
    assert "'os.system' is not part of the codec" in refused(checkpoint)


def split_qkv(weights: Weights) -> Weights:
    """The layout of older checkpoints: wq, wk and wv separate, and all names prefixed with `model.`."""
    separate: Weights = {}
    for name, weight in weights.items():
        if name.endswith("wqkv.weight"):
            parts = weight.split([64, 32, 32])
            separate |= {
                name.replace("wqkv", part): w for part, w in zip(("wq", "wk", "wv"), parts, strict=True)
            }
        else:
            separate[name] = weight
    return {f"model.{name}": weight for name, weight in separate.items()}


def test_other_key_layouts_are_accepted(whole: Path, checkpoint: Path) -> None:
    """Under `state_dict`, with a `model.` or `generator.` prefix, or with separate q, k, v."""
    change(checkpoint / "model.pth", lambda w: {"state_dict": split_qkv(w)})
    change(checkpoint / "codec.pth", lambda w: {"state_dict": {f"generator.{n}": x for n, x in w.items()}})
    device, dtype = torch.device("cpu"), torch.float32
    x = torch.randn(3, 64)
    plain, wrapped = (load_model(folder, device, dtype) for folder in (whole, checkpoint))
    assert torch.equal(plain.slow[1].wqkv(x), wrapped.slow[1].wqkv(x))
    assert Codec(whole, device, dtype).fingerprint == Codec(checkpoint, device, dtype).fingerprint


@pytest.mark.parametrize("name", ["s1-mini-int8", "int4"])
def test_a_folders_name_does_not_change_how_it_is_loaded(whole: Path, tmp_path: Path, name: str) -> None:
    """Upstream loads a path that contains int8 or int4 as a quantised checkpoint."""
    engine = fish.factory("cpu", {"checkpoint": str(shutil.copytree(whole, tmp_path / name))})
    assert 44_100 == engine.sample_rate
    engine.close()


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
def test_every_precision_agrees_within_its_rounding(whole: Path, precision: str) -> None:
    """Packed or plain, the layers agree with float32."""
    device = torch.device("cpu")
    exact = load_model(whole, device, torch.float32)
    other = load_model(whole, device, getattr(torch, precision))
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    near = {"bfloat16": 2e-2, "float16": 3e-3, "float32": 1e-6}[precision]
    for one, two in zip((*exact.slow, *exact.fast), (*other.slow, *other.fast), strict=True):
        for layer in ("wqkv", "gate"):
            expected, actual = getattr(one, layer)(x), getattr(two, layer)(x.to(other.dtype)).float()
            torch.testing.assert_close(actual, expected, rtol=near, atol=near * float(expected.abs().max()))


# ---- the codec -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def codec(whole: Path) -> Codec:
    return Codec(whole, torch.device("cpu"), torch.float32)


def some_codes(frames: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 64, (10, frames), generator=torch.Generator().manual_seed(seed))


def test_padding_and_batching_do_not_change_a_clip(codec: Codec) -> None:
    """Decoded together, right-padded, each clip is what it is alone, and as long as its frames."""
    clips = [some_codes(frames, frames) for frames in (40, 7, 1, 23)]
    for clip, together in zip(clips, codec.decode(clips), strict=True):
        (alone,) = codec.decode([clip])
        assert clip.shape[1] * codec.frame_length == len(together)
        torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_long_clips_are_exact_in_chunks(codec: Codec, whole: Path) -> None:
    """The chunks of a long clip join without a seam, in both directions."""
    in_one_pass = Codec(whole, torch.device("cpu"), torch.float32, chunk_frames=10_000)
    codes = some_codes(700)
    (expected,), (actual,) = in_one_pass.decode([codes]), codec.decode([codes])
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)
    assert in_one_pass.encode(expected).tolist() == codec.encode(actual).tolist()


def test_chunks_cover_everything_once() -> None:
    """Each sample of the output comes from its own part of the input."""
    x = torch.arange(3 * 1000.0).view(1, 1, 3000)
    assert torch.equal(
        x.repeat_interleave(2, -1), run_in_chunks(lambda p: p.repeat_interleave(2, -1), x, 3, 6)
    )


def test_clips_are_grouped_by_like_length() -> None:
    """Every clip is in one group; groups keep to the largest batch, and to a chunk unless of one clip."""
    lengths = [5, 300, 40, 41, 39, 128, 1, 90]
    groups = group_by_length(lengths, 3)
    assert list(range(len(lengths))) == sorted(i for group in groups for i in group)
    assert [1] == groups[0]
    assert all(len(group) <= 3 for group in groups)


def test_the_codec_equals_upstreams(whole: Path, codec: Codec) -> None:
    """Codes and audio are those of upstream's own encode and decode."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from fishd.engines.fish.import_stubs import stubbed_imports

    with stubbed_imports():
        module = instantiate(OmegaConf.load(whole / "codec.yaml")).eval()
    module.load_state_dict(torch.load(whole / "codec.pth", weights_only=True), strict=False)
    audio = 0.1 * torch.randn(50_000, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected, _ = module.encode(audio[None, None], torch.tensor([50_000]))
        codes = some_codes(30)
        sound, _ = module.decode(codes[None], torch.tensor([30]))
    assert expected[0].tolist() == codec.encode(audio).tolist()
    torch.testing.assert_close(codec.decode([codes])[0], sound[0, 0], rtol=0, atol=1e-5)


# ---- the doctor ------------------------------------------------------------------------------------------


def test_the_doctor_accepts_a_whole_checkpoint(checkpoint: Path) -> None:
    """Packages, code, device, files and every weight are checked."""
    found = list(findings(checkpoint))
    assert [] == [f for f in found if not f.ok]
    assert {
        "fish: torch",
        "fish: the model's code",
        "fish: checkpoint",
        "fish: model.pth",
        "fish: codec.pth",
    } <= {f.name for f in found}


def test_the_doctor_says_how_to_fix(checkpoint: Path) -> None:
    """A missing weight, a missing file and a missing package each come with a fix."""
    change(checkpoint / "model.pth", drop("norm.weight"))
    (broken,) = [f for f in findings(checkpoint) if not f.ok]
    assert "norm.weight is missing" in broken.detail
    assert "hf download" in broken.fix
    (checkpoint / "codec.pth").unlink()
    (missing,) = [f for f in findings(checkpoint) if not f.ok]
    assert "codec.pth not found" in missing.detail
    assert "hf download" in missing.fix
    absent = check_package("no-such-package", "==1")
    assert (False, "is not installed", INSTALL) == (absent.ok, absent.detail, absent.fix)
