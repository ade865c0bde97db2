"""`fishd check BUNDLE…`: every fault in one report, with audio decoded in another process."""

from __future__ import annotations

import io
import re
from pathlib import Path

import soundfile

from tests.daemon.bundles import make_bundle, tone
from tests.shell.cli import ROOT, Ended, fishd, on_a_terminal

NOOP = '[engine]\nname = "tests.engines.noop:factory"\n'


def check(tmp_path: Path, *bundles: Path) -> Ended:
    (tmp_path / "config.toml").write_text(NOOP)
    return fishd("check", *bundles, cwd=tmp_path)


def test_a_good_bundle_is_reported_as_ok(tmp_path: Path) -> None:
    """With its size, its clips' lengths, its lines and the limits."""
    said = check(tmp_path, ROOT / "inbox_example" / "two-voices")

    assert 0 == said.returncode
    assert "✓ two-voices: ok, 2 speakers, 6 segments" in said.stdout
    rows = [" ".join(row.split()) for row in said.stdout.splitlines()]
    assert "Ada ada.wav 7.4 s en 3" in rows
    assert "001 Ben Because the outside cools first, and it shrinks." in rows
    assert "1,000 speakers, 50,000 segments of 2,000 characters" in said.stdout


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    """In text, files, audio and engine options; of every bundle."""
    noise = {"Bob": b"RIFF no audio", "Cyd": b""}
    spoilt = make_bundle(tmp_path / "spoilt", {"Ada": [" "], "Bob": ["Hello."], "Cyd": ["Hello."]}, noise)
    strange = make_bundle(tmp_path / "strange", language="xx", engine_options={"speed": 2})
    said = check(tmp_path, spoilt, strange, tmp_path / "none")

    assert 1 == said.returncode
    lines = [line.strip() for line in said.stdout.splitlines()]
    assert "✗ spoilt: 3 faults" in lines
    assert "✗ speakers[0].segments[0].text: is empty" in lines
    assert "✗ Bob.wav: not audio that can be read; give it as WAV, FLAC, OGG or MP3" in lines
    assert "✗ Cyd.wav: is empty (0 bytes)" in lines
    assert "✗ strange: 2 faults" in lines
    assert "✗ job.toml: engine_options.speed: is not a known option; known is mood" in lines
    assert '✗ job.toml: language "xx": is not spoken by this engine' in lines
    assert "✗ bundle: does not exist" in lines


def test_warnings_are_reported_with_their_places_and_change_no_exit_code(tmp_path: Path) -> None:
    """Of a text and of a clip; the bundle is ok."""
    low_rate = io.BytesIO()
    soundfile.write(low_rate, tone(), 8_000, format="WAV", subtype="PCM_16")
    lines = {"Ada": ["<|loud|> Hello.", "Fine."]}
    said = check(tmp_path, make_bundle(tmp_path / "odd", lines, {"Ada": low_rate.getvalue()}))

    assert 0 == said.returncode
    headline, text, audio = said.stdout.splitlines()[:3]
    assert "✓ odd: ok, 1 speaker, 2 segments, 2 warnings" == headline
    assert text.startswith("  ! speakers[0].segments[0].text: holds a control token")
    assert audio.startswith("  ! Ada.wav: is sampled at 8000 Hz")


def test_on_a_terminal_a_long_fault_is_wrapped_behind_its_mark(tmp_path: Path) -> None:
    """Between words, with a hanging indent."""
    (tmp_path / "config.toml").write_text(NOOP)
    bundle = make_bundle(tmp_path / "long", {"Ada": ["word " * 500]})
    shown = on_a_terminal("check", bundle, cwd=tmp_path, env={"NO_COLOR": "1"})
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()

    assert "✗ long: 1 fault" == lines[0]
    assert lines[1].startswith("  ✗ speakers[0].segments[0].text: is 2,499 characters long")
    assert re.match(r"    \S", lines[2])
    assert 80 >= max(map(len, lines))


def test_a_name_cannot_harm_the_terminal(tmp_path: Path) -> None:
    """Escapes and line breaks in names are written out."""
    said = check(tmp_path, make_bundle(tmp_path / "a\x1b[31m\nb"))

    assert 0 == said.returncode
    assert "\x1b" not in said.stdout


def test_an_engine_that_crashes_when_asked_is_reported(tmp_path: Path) -> None:
    """The audio is still checked, and `check` names what it could not ask."""
    (tmp_path / "crashing.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    (tmp_path / "config.toml").write_text('[engine]\nname = "crashing:factory"\n')
    said = fishd(
        "check",
        make_bundle(tmp_path / "one"),
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
    )

    assert 1 == said.returncode
    assert (
        "✗ job.toml: engine options and languages cannot be checked: crashing:factory gave no answer "
        "(the process was killed by SIGSEGV)"
    ) in said.stdout
    assert "Ada.wav: " in said.stdout


def test_a_reference_is_checked_against_the_configured_limits(tmp_path: Path) -> None:
    """As the daemon would with the same configuration."""
    (tmp_path / "config.toml").write_text(f"{NOOP}[limits]\nmin_reference_s = 2\n")
    said = fishd("check", make_bundle(tmp_path / "short"), cwd=tmp_path)

    assert 1 == said.returncode
    assert "✗ Ada.wav: is 1.50 s long; at least 2 s of speech are needed" in said.stdout
    assert "2 to 600 s" in said.stdout
