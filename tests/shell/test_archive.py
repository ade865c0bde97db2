"""An archive is unpacked inside its folder and within the limits, or refused with a reason."""

from __future__ import annotations

import io
import os
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fishd.core.model.job import Fault
from fishd.core.model.limits import MIB, Limits
from fishd.spool.archive.unpack import lacking, unpack
from fishd.spool.bundle.load import read_claimed
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.bundle.settings import BundleSettings
from fishd.spool.durable.confined_fs import Refused
from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError
from fishd.spool.inbox.scan import CompleteBundle, Inbox
from tests.shell.archives import info, tar_of, tarred, tarred_gz, zip_of, zipped
from tests.shell.bundles import faults_of, names_in, write_bundle

LIMITS = Limits(max_files=50, max_bytes=4 * MIB)
SETTINGS = BundleSettings(LIMITS)


def refusal(path: Path, limits: Limits = LIMITS) -> str:
    with pytest.raises(Refused) as refused:
        unpack(path, path.with_name("into"), limits)
    return str(refused.value)


@pytest.mark.parametrize("pack", [zipped, tarred, tarred_gz])
def test_an_archive_is_read_like_its_folder(tmp_path: Path, pack: Callable[[Path, Path], Path]) -> None:
    """The folder itself may be packed too; the kind of archive is detected from its content."""
    folder = write_bundle(tmp_path / "source")
    work = tmp_path / "NAME"
    work.mkdir()
    pack(folder, work / "bundle")
    copies = ReferenceStore(tmp_path / "voices").of("NAME")
    reading = read_claimed(work, SETTINGS, Disk(), copies)
    assert reading.job
    assert "NAME" == reading.job.name
    assert (folder / "alice.wav").read_bytes() == reading.references[0].path.read_bytes()
    assert reading == read_claimed(work, SETTINGS, Disk(), copies)  # as after a crash


def test_a_packed_folder_or_its_content_is_the_same(tmp_path: Path) -> None:
    """What macOS adds is ignored; the folder of a lone speaker stays that of a speaker."""
    folder = write_bundle(tmp_path / "source")
    whole = zipped(folder, tmp_path / "whole.zip", top="Episode 3/")
    with zipfile.ZipFile(whole, "a") as archive:
        archive.writestr("__MACOSX/Episode 3/._job.toml", b"x")
        archive.writestr("Episode 3/.DS_Store", b"x")
    top = unpack(whole, tmp_path / "a", LIMITS)
    assert tmp_path / "a" / "Episode 3" == top
    assert names_in(folder) == names_in(top)
    speaker = zip_of(tmp_path / "speaker.zip", ("Ada/lines.txt", b"x"), ("Ada/reference.wav", b"x"))
    assert tmp_path / "b" == unpack(speaker, tmp_path / "b", LIMITS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../x", "../x in it leads out of the bundle (..); put the file into the bundle"),
        ("a/../../x", "a/../../x in it leads out of the bundle (..); put the file into the bundle"),
        ("/etc/x", "/etc/x in it is an absolute path; give it relative to the bundle"),
        ("/".join("d" * 30), "holds folders more than 16 deep"),
        ("x" * 300, f"{'x' * 100} in it cannot be created: File name too long"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_of_the_archive_are_refused(
    tmp_path: Path, kind: str, name: str, expected: str
) -> None:
    """Nothing is written outside the folder."""
    path = tmp_path / "deep" / "archive"
    path.parent.mkdir()
    if kind == "zip":
        zip_of(path, (name, b"content"))
    else:
        tar_of(path, info(name), content=b"content")
    assert expected == refusal(path)
    assert ["archive", "into"] == names_in(path.parent)
    assert ["deep"] == names_in(tmp_path)


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (info("l", tarfile.SYMTYPE, "/etc/passwd"), "l in it is a link; only files and folders are allowed"),
        (info("l", tarfile.LNKTYPE, "job.toml"), "l in it is a link; only files and folders are allowed"),
        (info("d", tarfile.CHRTYPE), "d in it is a special file; only files and folders are allowed"),
        (info("f", tarfile.FIFOTYPE), "f in it is a special file; only files and folders are allowed"),
        (info("s", tarfile.GNUTYPE_SPARSE), "s in it is a sparse file; only files and folders are allowed"),
    ],
)
def test_only_files_and_folders_are_unpacked_from_a_tar(
    tmp_path: Path, member: tarfile.TarInfo, expected: str
) -> None:
    """Links, devices, FIFOs and sparse files are refused."""
    assert expected == refusal(tar_of(tmp_path / "archive", member))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    """zip on Unix stores them as files with a mode."""
    link = zipfile.ZipInfo("l")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    path = zip_of(tmp_path / "archive", (link, b"/etc/passwd"))
    assert "l in it is a symlink; only files and folders are allowed" == refusal(path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    """Nobody can enter a password."""
    path = zip_of(tmp_path / "archive", ("x", b"content"))
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the local header's flags
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    assert "is encrypted; drop it without a password" == refusal(path)


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    """An LZMA header may request any amount of memory."""
    path = tmp_path / "archive"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x", b"content")
    assert "is compressed in an unsupported way: use deflate, the usual compression" == refusal(path)


def test_a_duplicate_name_is_refused(tmp_path: Path) -> None:
    """It is not clear which of the two is meant."""
    twice = tar_of(tmp_path / "archive", info("x"), info("x"), content=b"a")
    assert "x in it cannot be created: File exists" == refusal(twice)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar"])
def test_archive_bombs_are_refused(tmp_path: Path, kind: str) -> None:
    """Their ratio or size is over a limit before memory or disk is filled."""
    path = tmp_path / "bomb"
    zeros = bytes(64 * MIB)
    if kind == "zip":
        zip_of(path, *((f"{n}", zeros) for n in range(4)))
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
            for n in range(4 if kind == "tar.gz" else 1):
                member = info(str(n))
                member.size = len(zeros)
                archive.addfile(member, io.BytesIO(zeros))
    by_ratio, by_size = Limits(max_ratio=10), Limits(max_bytes=20 * MIB)
    tracemalloc.start()
    limits = by_size if kind == "tar" else by_ratio
    assert "unpacks to more than" in refusal(path, limits)
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    tracemalloc.stop()
    written = sum(file.stat().st_size for file in (tmp_path / "into").iterdir())
    assert written <= 40 * MIB


def test_a_huge_header_is_refused(tmp_path: Path) -> None:
    """tarfile would read an extended header of a gigabyte into memory."""
    path = tmp_path / "archive"
    header = info("x", tarfile.XHDTYPE)
    header.size = 1 << 30
    path.write_bytes(header.tobuf() + bytes(1 << 20))
    assert "declares a header of more than a megabyte" == refusal(path)


def test_a_zip_with_a_huge_directory_is_refused(tmp_path: Path) -> None:
    """It is refused before its directory is read."""
    path = zip_of(tmp_path / "archive", *((f"{n}" * 100, b"") for n in range(200)))
    assert "holds more than 50 files" == refusal(path)


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    """The limit on files applies to archives too."""
    path = tar_of(tmp_path / "archive", *(info(str(n)) for n in range(51)))
    assert "holds more than 50 files" == refusal(path)


@pytest.mark.parametrize("pack", [zipped, tarred, tarred_gz])
def test_a_truncated_archive_is_incomplete_and_rejected_after_the_timeout(
    tmp_path: Path, pack: Callable[[Path, Path], Path]
) -> None:
    """It may still be in transfer; when it can be read to its end, it is claimed."""
    ending = {zipped: ".zip", tarred: ".tar", tarred_gz: ".tar.gz"}[pack]
    whole = pack(write_bundle(tmp_path / "source"), tmp_path / "whole").read_bytes()
    inbox, work = tmp_path / "inbox", tmp_path / "work"
    inbox.mkdir()
    work.mkdir()
    part = inbox / f"Episode{ending}"
    part.write_bytes(whole[: len(whole) // 2])
    watch = Inbox(inbox, work, settle_s=2.0, settle_timeout_s=10.0)
    assert () == watch.scan(0.0).found
    assert () == watch.scan(5.0).found
    assert (Fault("bundle", "stayed incomplete for 10 s")) in watch.scan(10.0).found[0].faults
    part.write_bytes(whole)
    os.utime(part, (1, 1))
    assert () == watch.scan(11.0).found
    assert (CompleteBundle(part.name),) == watch.scan(13.0).found
    (claimed,) = watch.claim([CompleteBundle(part.name)], 13.0).claimed
    assert "Episode" == claimed.name
    assert read_claimed(claimed.folder, SETTINGS, Disk(), ReferenceStore(tmp_path / "voices").of("NAME")).job


@pytest.mark.parametrize("content", [b"", b"PK", b"not an archive" * 100, b"\x1f\x8b" + bytes(100)])
def test_an_invalid_archive_is_a_fault(tmp_path: Path, content: bytes) -> None:
    """It raises no exception."""
    work = tmp_path / "NAME"
    work.mkdir()
    (work / "bundle").write_bytes(content)
    assert faults_of(read_claimed(work, SETTINGS, Disk(), ReferenceStore(work / "voices").of("NAME")))
    lacking(work / "bundle", LIMITS)


@pytest.mark.parametrize("pack", [zipped, tarred, tarred_gz])
def test_a_damaged_archive_is_a_job_or_faults(tmp_path: Path, pack: Callable[[Path, Path], Path]) -> None:
    """It is truncated, or has one changed byte, at 120 places."""
    whole = pack(write_bundle(tmp_path / "source"), tmp_path / "whole").read_bytes()
    work = tmp_path / "NAME"
    work.mkdir()
    for at in range(0, len(whole), max(1, len(whole) // 120)):
        for content in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]):
            (work / "bundle").write_bytes(content)
            reading = read_claimed(work, SETTINGS, Disk(), ReferenceStore(work / "voices").of("NAME"))
            assert (reading.job is None) == bool(reading.faults)


def test_a_full_disk_is_not_a_fault_of_the_archive(tmp_path: Path) -> None:
    """It raises SpoolError, so that the caller retries."""
    path = zip_of(tmp_path / "archive", ("x", b"content"))
    (tmp_path / "into").mkdir()
    with pytest.raises(SpoolError):
        unpack(path, tmp_path / "into", LIMITS)
