"""The fish engine's small parts: options, import stubs, texts, prompts, the memory budget."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fishd.engines import fish
from fishd.engines.fish.checkpoint.files import read_architecture, read_tokenizer
from fishd.engines.fish.decode.slot_plan import GB, ModelCosts, plan_slots
from fishd.engines.fish.import_stubs import import_upstream
from fishd.engines.fish.options import Sampling, engine_options
from fishd.engines.fish.prompt import prefix_tokens, suffix_tokens
from fishd.engines.fish.sanitise import has_speech, sanitise
from fishd.engines.protocol import BadOption, OutOfMemory
from tests.engines.fish_checkpoint import make_tiny
from tests.engines.fish_upstream import upstream_prompt

# ---- options ---------------------------------------------------------------------------------------------


def test_the_defaults_are_upstreams() -> None:
    """Temperature, top_p and penalty default to those of upstream's generate_long."""
    (inference,) = import_upstream("fish_speech.models.text2semantic.inference")
    defaults = inference.generate_long.__kwdefaults__
    expected = [defaults[name] for name in ("temperature", "top_p", "repetition_penalty")]
    assert expected == [Sampling().temperature, Sampling().top_p, Sampling().repetition_penalty]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"temperature": 0}, "temperature: is 0; must be a number above 0, at most 1.99"),
        ({"temperature": "hot"}, 'temperature: is "hot"; must be a number'),
        ({"top_p": 1.5}, "top_p: is 1.5; must be a number above 0, at most 1"),
        ({"top_p": True}, "top_p: is true; must be a number"),
        ({"repetition_penalty": float("nan")}, "repetition_penalty: is nan; must be a number above"),
        ({"checkpoint": "/elsewhere"}, "checkpoint: is not an option of the fish engine"),
    ],
)
def test_a_bad_option_is_named_with_its_bounds(options: dict[str, object], word: str) -> None:
    """A job can neither set a value that would break the engine nor an option of the engine's own."""
    (fault,) = fish.check_options(options)
    assert word in fault


def test_bad_engine_options_are_all_named() -> None:
    """All faults are reported together."""
    with pytest.raises(BadOption, match=r"precision: .*slots: .*colour: "):
        engine_options({"precision": "int8", "slots": -1, "colour": "red"})


def test_a_jobs_defaults_may_be_set_for_the_engine() -> None:
    """[engine] options may set the sampling of jobs that set none."""
    _, defaults = engine_options({"checkpoint": "x", "temperature": 0.5})
    assert Sampling(temperature=0.5) == defaults


@pytest.mark.parametrize(
    ("language", "good"), [("en", True), ("en-GB", True), ("ZH_tw", True), ("tlh", False)]
)
def test_languages_are_those_of_the_models_card(language: str, good: bool) -> None:
    """Regions do not matter; a language that the model was not trained on is refused."""
    assert good == (fish.check_language(language) is None)


def test_importing_the_engine_does_not_import_torch() -> None:
    """Only the factory does."""
    code = "import sys, fishd.engines.fish as f; f.check_options({}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()


# ---- import stubs ----------------------------------------------------------------------------------------


def test_import_stubs_leave_no_trace_and_no_output(tmp_path: Path) -> None:
    """After loading and tokenising, no stub is left in sys.modules, and nothing was printed or logged."""
    make_tiny(tmp_path, codec=False)
    code = f"""
import sys, pathlib
from fishd.engines.fish.model.weights import load_model
import torch
from fishd.engines.fish.prompt import suffix_tokens
model = load_model(pathlib.Path({str(tmp_path)!r}), torch.device("cpu"), torch.float32)
suffix_tokens(model.tokenizer, "a secret text", 10)
absent = ("audiotools", "transformers", "librosa", "argbind", "loralib")
print(sorted(n for n in sys.modules if n.split(".")[0] in absent))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ("[]\n", "") == (done.stdout, done.stderr)


# ---- texts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  It\u2019s \n fine. ", "It's fine."),
        ("Stop<|im_end|>here", "Stop im_end here"),
        ("<|semantic:5|>", "semantic:5"),
        ("<|<|im_end|>|>", "im_end"),
        ("Oh \U0001f642 well\ufe0f", "Oh well"),
        ("a\x00b", "a b"),
        ("(sad) cafe\u0301", "(sad) café"),
    ],
)
def test_texts_are_made_safe_to_speak(text: str, expected: str) -> None:
    """Control tokens lose their brackets, emoji are removed, and white space is single."""
    assert expected == sanitise(text)


@given(st.text(alphabet="<|>im_end:5 a"))
def test_no_text_keeps_a_control_token(text: str) -> None:
    """Not even one assembled from pieces."""
    assert "<|" not in sanitise(text)
    assert "|>" not in sanitise(text)


def test_speech_has_a_letter_or_a_digit() -> None:
    """Punctuation and emoji alone are not speech."""
    assert [False, False, True, True] == [has_speech(t) for t in ("…?!", "🙂", "7", "嗯")]


# ---- prompts ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory):
    folder = make_tiny(tmp_path_factory.mktemp("tiny"), codec=False)
    return read_tokenizer(folder, read_architecture(folder))


@pytest.mark.parametrize("text", ["Hello there.", "Ein Satz mit Umläuten: äöü.", "这是一句话。"])
def test_prefix_and_suffix_make_upstreams_prompt(tokenizer, text: str) -> None:
    """Token for token."""
    codes = torch.randint(0, 64, (10, 21), generator=torch.Generator().manual_seed(1))
    ours = torch.cat(
        [prefix_tokens(tokenizer, "What is said.", codes), suffix_tokens(tokenizer, text, 10)], 1
    )
    assert upstream_prompt(tokenizer, "What is said.", codes, text).tolist() == ours.tolist()


@pytest.mark.parametrize(
    "text", ["<|im_end|>", "<|semantic:5|>", "a <|speaker:1|> b", "<|im_<|im_end|>end|>"]
)
def test_a_text_never_becomes_a_control_token(tokenizer, text: str) -> None:
    """Neither in a line nor in a transcript."""
    line = suffix_tokens(tokenizer, text, 10)[0]
    assert int(line.max()) < tokenizer.vocab_size
    codes = torch.zeros(10, 1, dtype=torch.int16)
    plain, spiked = (prefix_tokens(tokenizer, said, codes)[0] for said in ("a", text))
    first = tokenizer.vocab_size
    assert plain[plain >= first].tolist() == spiked[spiked >= first].tolist()


# ---- memory budget ---------------------------------------------------------------------------------------

S1_MINI = ModelCosts(int(1.40 * GB), int(1.46 * GB), int(1.2 * GB), 114_688, 8192)


@pytest.mark.parametrize(("budget_gb", "slots"), [(6.0, 11), (8.0, 25), (24.0, 64), (80.0, 64)])
def test_a_budget_gives_slots(budget_gb: float, slots: int) -> None:
    """S1-mini in bfloat16: what weights, codec and workspace leave, in slots of 1,024 tokens."""
    planned = plan_slots(budget_gb, S1_MINI, "cuda")
    assert slots == planned.slots
    assert 1024 <= planned.length <= 8192
    taken = (planned.tokens + planned.prefix_tokens) * S1_MINI.token / GB
    assert taken + 1.40 + 1.46 + 1.2 <= budget_gb


def test_too_small_a_budget_says_what_is_enough() -> None:
    """The message has the arithmetic and a figure that works."""
    with pytest.raises(OutOfMemory, match=r"set it to (\S+) or more") as caught:
        plan_slots(3.0, S1_MINI, "cuda")
    enough = float(str(caught.value).split("set it to ")[1].split()[0])
    assert 1 <= plan_slots(enough, S1_MINI, "cuda").slots
    with pytest.raises(OutOfMemory):
        plan_slots(enough - 0.5, S1_MINI, "cuda")


def test_slots_and_their_length_may_be_set() -> None:
    """`slots` caps the number; `slot_tokens` sets the usual length."""
    planned = plan_slots(24.0, S1_MINI, "cuda", slots=5, slot_tokens=2000)
    assert (5, 2000) == (planned.slots, planned.length)


def test_loading_notes_the_capacity_and_why(tmp_path: Path) -> None:
    """`notes` carry the arithmetic, for the log."""
    engine = fish.factory("cpu", {"checkpoint": str(make_tiny(tmp_path)), "model_memory_gb": 1.0, "slots": 3})
    (note,) = engine.notes
    assert "1.00 GB - weights 0.00" in note
    assert "3 slots of 4096 tokens" in note
    assert 4 == engine.capacity
    engine.close()


def test_a_tiny_checkpoint_is_small(tmp_path: Path) -> None:
    """Under 2 MB, so that every test module can make its own."""
    make_tiny(tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2_000_000
    assert "dual_ar" == json.loads((tmp_path / "config.json").read_text())["model_type"]
