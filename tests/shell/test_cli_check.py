"""`fishd check BUNDLE…`: all that is wrong, in one report, with audio decoded elsewhere."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.bundles import make_bundle
from tests.shell.cli import ROOT, Ended, fishd

NOOP = '[engine]\nname = "tests.engines.noop:factory"\n'


def check(tmp_path: Path, *bundles: Path) -> Ended:
    (tmp_path / "config.toml").write_text(NOOP)
    return fishd("check", *bundles, cwd=tmp_path)


def test_a_good_bundle_is_said_to_be_good(tmp_path: Path) -> None:
    """With its size, its clips' lengths and the limits that held."""
    said = check(tmp_path, ROOT / "inbox_example" / "two-voices")

    assert 0 == said.returncode
    assert "✓ two-voices: good: 2 speakers, 6 segments" in said.stdout
    assert "ada.wav: 7.4 s" in said.stdout
    assert "1,000 speakers, 50,000 segments of 2,000 characters" in said.stdout


def test_all_faults_are_said_together(tmp_path: Path) -> None:
    """Of text, of files, of audio, of the engine; of every bundle."""
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
    assert "✗ bundle: is not there" in lines


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
