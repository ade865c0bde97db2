"""`fishd check BUNDLE…` reports every fault; audio is decoded in another process."""

from __future__ import annotations

import io
import re
from pathlib import Path

import soundfile

from tests.daemon.bundles import make_bundle, tone
from tests.shell.cli import NOOP_CONFIG, ROOT, Ended, fishd, on_a_terminal


def check(tmp_path: Path, *bundles: Path) -> Ended:
    (tmp_path / "config.toml").write_text(NOOP_CONFIG)
    return fishd("check", *bundles, cwd=tmp_path)


def test_a_good_bundle_is_reported_as_ok(tmp_path: Path) -> None:
    """Its size, the lengths of its clips, its lines and the limits are printed."""
    ended = check(tmp_path, ROOT / "inbox_example" / "two-voices")

    assert 0 == ended.returncode
    assert "✓ two-voices: ok, 2 speakers, 6 segments" in ended.stdout
    rows = [" ".join(row.split()) for row in ended.stdout.splitlines()]
    assert "Ada ada.wav 7.4 s en 3" in rows
    assert "001 Ben Because the outside cools first, and it shrinks." in rows
    assert "1,000 speakers, 50,000 segments of 2,000 characters" in ended.stdout


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    """They are in the text, files, audio and engine options of two bundles."""
    audio = {"Bob": b"RIFF no audio", "Cyd": b""}
    bad = make_bundle(tmp_path / "bad", {"Ada": [" "], "Bob": ["Hello."], "Cyd": ["Hello."]}, audio)
    unknown = make_bundle(tmp_path / "unknown", language="xx", engine_options={"speed": 2})
    ended = check(tmp_path, bad, unknown, tmp_path / "none")

    assert 1 == ended.returncode
    lines = [line.strip() for line in ended.stdout.splitlines()]
    assert "✗ bad: 3 faults" in lines
    assert "✗ speakers[0].segments[0].text: is empty" in lines
    assert "✗ Bob.wav: not audio that can be read; give it as WAV, FLAC, OGG or MP3" in lines
    assert "✗ Cyd.wav: is empty (0 bytes)" in lines
    assert "✗ unknown: 2 faults" in lines
    assert "✗ job.toml: engine_options.speed: is not a known option; known is mood" in lines
    assert '✗ job.toml: language "xx": is not spoken by this engine' in lines
    assert "✗ bundle: does not exist" in lines


def test_warnings_are_reported_with_their_places_and_change_no_exit_code(tmp_path: Path) -> None:
    """One is about a text, one about a clip."""
    low_rate = io.BytesIO()
    soundfile.write(low_rate, tone(), 8_000, format="WAV", subtype="PCM_16")
    lines = {"Ada": ["<|loud|> Hello.", "Fine."]}
    ended = check(tmp_path, make_bundle(tmp_path / "warned", lines, {"Ada": low_rate.getvalue()}))

    assert 0 == ended.returncode
    headline, text, audio = ended.stdout.splitlines()[:3]
    assert "✓ warned: ok, 1 speaker, 2 segments, 2 warnings" == headline
    assert text.startswith("  ! speakers[0].segments[0].text: holds a control token")
    assert audio.startswith("  ! Ada.wav: is sampled at 8000 Hz")


def test_on_a_terminal_a_long_fault_is_wrapped_with_a_hanging_indent(tmp_path: Path) -> None:
    """Lines are broken between words."""
    (tmp_path / "config.toml").write_text(NOOP_CONFIG)
    bundle = make_bundle(tmp_path / "long", {"Ada": ["word " * 500]})
    shown = on_a_terminal("check", bundle, cwd=tmp_path, env={"NO_COLOR": "1"})
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()

    assert "✗ long: 1 fault" == lines[0]
    assert lines[1].startswith("  ✗ speakers[0].segments[0].text: is 2,499 characters long")
    assert re.match(r"    \S", lines[2])
    assert 80 >= max(map(len, lines))


def test_control_characters_in_a_name_are_escaped(tmp_path: Path) -> None:
    """They are an escape sequence and a line break."""
    ended = check(tmp_path, make_bundle(tmp_path / "a\x1b[31m\nb"))

    assert 0 == ended.returncode
    assert "\x1b" not in ended.stdout


def test_an_engine_that_crashes_during_the_check_is_reported(tmp_path: Path) -> None:
    """The report names what could not be checked; the audio is checked."""
    (tmp_path / "crashing.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    (tmp_path / "config.toml").write_text('[engine]\nname = "crashing:factory"\n')
    ended = fishd(
        "check",
        make_bundle(tmp_path / "one"),
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
    )

    assert 1 == ended.returncode
    assert (
        "✗ job.toml: engine options and languages cannot be checked: crashing:factory gave no answer "
        "(the process was killed by SIGSEGV)"
    ) in ended.stdout
    assert "Ada.wav: " in ended.stdout


def test_a_reference_is_checked_against_the_configured_limits(tmp_path: Path) -> None:
    """The daemon does the same."""
    (tmp_path / "config.toml").write_text(f"{NOOP_CONFIG}[limits]\nmin_reference_s = 2\n")
    ended = fishd("check", make_bundle(tmp_path / "short"), cwd=tmp_path)

    assert 1 == ended.returncode
    assert "✗ Ada.wav: is 1.50 s long; at least 2 s of speech are needed" in ended.stdout
    assert "2 to 600 s" in ended.stdout
