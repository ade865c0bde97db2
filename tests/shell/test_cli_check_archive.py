"""`fishd check ARCHIVE`: as for the folder inside it."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest

from fishd.cli.commands.check import check as check_in_process
from fishd.spool.endings import NEITHER
from tests.daemon.bundles import make_bundle
from tests.shell.bundles import names_in
from tests.shell.cli import ROOT, Ended, fishd

NOOP = '[engine]\nname = "tests.engines.noop:factory"\n'


def check(folder: Path, bundle: Path, limits: str = "") -> Ended:
    """Whatever the outcome, no temporary file is left over and none is named."""
    (folder / "config.toml").write_text(NOOP + limits)
    room = folder / "room"
    room.mkdir()
    said = fishd("check", bundle, cwd=folder, env={"TMPDIR": str(room)})
    assert ([], False) == (names_in(room), str(room) in said.stdout + said.stderr)
    return said


def pack(source: Path, kind: str = "zip") -> Path:
    return Path(shutil.make_archive(str(source), kind, source))


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_a_good_archive_is_reported_as_ok(tmp_path: Path, kind: str) -> None:
    """Under its own name, with its clips' lengths: the audio inside is decoded, too."""
    source = ROOT / "inbox_example" / "two-voices"
    archive = Path(shutil.make_archive(str(tmp_path / "two voices"), kind, source))
    said = check(tmp_path, archive)

    assert 0 == said.returncode
    assert f"✓ {archive.name}: ok, 2 speakers, 6 segments" in said.stdout
    assert "Ada ada.wav 7.4 s en 3" in [" ".join(row.split()) for row in said.stdout.splitlines()]


def test_all_faults_in_an_archive_are_reported_together(tmp_path: Path) -> None:
    """In text, files and audio, with their places in the bundle."""
    spoilt = {"Ada": [" "], "Bob": ["Hello."]}
    said = check(tmp_path, pack(make_bundle(tmp_path / "spoilt", spoilt, {"Bob": b"RIFF no audio"})))

    assert 1 == said.returncode
    lines = [line.strip() for line in said.stdout.splitlines()]
    assert "✗ spoilt.zip: 2 faults" in lines
    assert "✗ speakers[0].segments[0].text: is empty" in lines
    assert "✗ Bob.wav: not audio that can be read; give it as WAV, FLAC, OGG or MP3" in lines


def test_a_truncated_archive_is_reported(tmp_path: Path) -> None:
    """It cannot be unpacked."""
    archive = pack(make_bundle(tmp_path / "cut"))
    os.truncate(archive, archive.stat().st_size // 2)
    said = check(tmp_path, archive)

    assert 1 == said.returncode
    assert "✗ cut.zip: 1 fault\n  ✗ bundle: is damaged, or its end is missing\n" in said.stdout


def test_an_archive_that_leads_out_is_reported(tmp_path: Path) -> None:
    """Nothing in it is written anywhere."""
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("../../slipped", b"x")
    said = check(tmp_path, tmp_path / "slip.zip")

    assert 1 == said.returncode
    assert "bundle: ../../slipped in it leads out of the bundle (..)" in said.stdout
    assert ["config.toml", "room", "slip.zip"] == names_in(tmp_path)


def test_the_limits_of_the_configuration_hold(tmp_path: Path) -> None:
    """They apply to what is unpacked."""
    said = check(tmp_path, pack(make_bundle(tmp_path / "big")), "[limits]\nmax_files = 1\n")

    assert 1 == said.returncode
    assert "✗ bundle: holds more than 1 file" in said.stdout


def test_a_file_that_is_no_archive_is_reported(tmp_path: Path) -> None:
    """With the kinds of archives and scripts."""
    (tmp_path / "script.docx").write_text("Hello.")
    said = check(tmp_path, tmp_path / "script.docx")

    assert 1 == said.returncode
    assert f"✗ bundle: {NEITHER}" in [line.strip() for line in said.stdout.splitlines()]


def test_a_missing_temporary_folder_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a traceback."""
    (tmp_path / "config.toml").write_text(NOOP)
    archive = pack(make_bundle(tmp_path / "one"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.setenv("COLUMNS", "120")
    assert 1 == check_in_process([archive], tmp_path / "config.toml", all_lines=False)
    assert (
        "cannot be unpacked for the check: No such file or directory; set TMPDIR" in capsys.readouterr().out
    )
