"""`fishd check ARCHIVE` checks the bundle that is packed in it."""

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
from tests.shell.cli import NOOP_CONFIG, ROOT, Ended, fishd


def check(folder: Path, bundle: Path, limits: str = "") -> Ended:
    """Check it; no temporary file is left or named, whatever the outcome."""
    (folder / "config.toml").write_text(NOOP_CONFIG + limits)
    temporary = folder / "temporary"
    temporary.mkdir()
    ended = fishd("check", bundle, cwd=folder, env={"TMPDIR": str(temporary)})
    assert ([], False) == (names_in(temporary), str(temporary) in ended.stdout + ended.stderr)
    return ended


def pack(source: Path, kind: str = "zip") -> Path:
    return Path(shutil.make_archive(str(source), kind, source))


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_a_good_archive_is_reported_as_ok(tmp_path: Path, kind: str) -> None:
    """The report has its own name and the lengths of its clips."""
    source = ROOT / "inbox_example" / "two-voices"
    archive = Path(shutil.make_archive(str(tmp_path / "two voices"), kind, source))
    ended = check(tmp_path, archive)

    assert 0 == ended.returncode
    assert f"✓ {archive.name}: ok, 2 speakers, 6 segments" in ended.stdout
    assert "Ada ada.wav 7.4 s en 3" in [" ".join(row.split()) for row in ended.stdout.splitlines()]


def test_all_faults_in_an_archive_are_reported_together(tmp_path: Path) -> None:
    """They are in text, files and audio, and have their places in the bundle."""
    lines = {"Ada": [" "], "Bob": ["Hello."]}
    ended = check(tmp_path, pack(make_bundle(tmp_path / "bad", lines, {"Bob": b"RIFF no audio"})))

    assert 1 == ended.returncode
    lines = [line.strip() for line in ended.stdout.splitlines()]
    assert "✗ bad.zip: 2 faults" in lines
    assert "✗ speakers[0].segments[0].text: is empty" in lines
    assert "✗ Bob.wav: not audio that can be read; give it as WAV, FLAC, OGG or MP3" in lines


def test_a_truncated_archive_is_reported(tmp_path: Path) -> None:
    archive = pack(make_bundle(tmp_path / "cut"))
    os.truncate(archive, archive.stat().st_size // 2)
    ended = check(tmp_path, archive)

    assert 1 == ended.returncode
    assert "✗ cut.zip: 1 fault\n  ✗ bundle: is damaged, or its end is missing\n" in ended.stdout


def test_an_archive_with_a_path_that_leads_out_is_reported(tmp_path: Path) -> None:
    """None of its files is written outside."""
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("../../slipped", b"x")
    ended = check(tmp_path, tmp_path / "slip.zip")

    assert 1 == ended.returncode
    assert "bundle: ../../slipped in it leads out of the bundle (..)" in ended.stdout
    assert ["config.toml", "slip.zip", "temporary"] == names_in(tmp_path)


def test_the_limits_of_the_configuration_apply(tmp_path: Path) -> None:
    """They apply to the unpacked files."""
    ended = check(tmp_path, pack(make_bundle(tmp_path / "big")), "[limits]\nmax_files = 1\n")

    assert 1 == ended.returncode
    assert "✗ bundle: holds more than 1 file" in ended.stdout


def test_a_file_that_is_not_an_archive_is_reported(tmp_path: Path) -> None:
    """The message has the kinds of archives and scripts that are accepted."""
    (tmp_path / "script.docx").write_text("Hello.")
    ended = check(tmp_path, tmp_path / "script.docx")

    assert 1 == ended.returncode
    assert f"✗ bundle: {NEITHER}" in [line.strip() for line in ended.stdout.splitlines()]


def test_a_temporary_folder_that_cannot_be_created_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has the fix."""
    (tmp_path / "config.toml").write_text(NOOP_CONFIG)
    archive = pack(make_bundle(tmp_path / "one"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.setenv("COLUMNS", "120")
    assert 1 == check_in_process([archive], tmp_path / "config.toml", all_lines=False)
    assert (
        "cannot be unpacked for the check: No such file or directory; set TMPDIR" in capsys.readouterr().out
    )
