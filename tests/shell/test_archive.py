"""Archives as bundles are unpacked inside their folder and the limits, or refused with a reason."""

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
from fishd.spool.archive.endings import bundle_in, ending_by_content, without_ending
from fishd.spool.archive.unpack import lacking, unpack
from fishd.spool.bundle.load import read_claimed
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.durable.confined_fs import Refused
from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError
from fishd.spool.inbox.scan import CompleteBundle, Inbox
from fishd.spool.outbox.publish import PublishRequest, archived_as, publish_all
from fishd.spool.root import Spool, make_folders
from tests.shell.bundles import faults_of, names_in, write_bundle

LIMITS = Limits(max_files=50, max_bytes=4 * MIB)


def zipped(folder: Path, target: Path, top: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{top}{path.relative_to(folder)}")
    return target


def tarred(folder: Path, target: Path, top: str = ".", mode: str = "w") -> Path:
    with tarfile.open(target, mode) as archive:
        archive.add(folder, top)
    return target


def tarred_gz(folder: Path, target: Path) -> Path:
    return tarred(folder, target, top="Episode 3", mode="w:gz")


def zip_of(target: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return target


def tar_of(target: Path, *members: tarfile.TarInfo, content: bytes = b"", **options: int) -> Path:
    with tarfile.open(target, "w", **options) as archive:
        for info in members:
            info.size = info.size or (len(content) if info.isreg() else 0)
            archive.addfile(info, io.BytesIO(content))
    return target


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def refusal(path: Path, limits: Limits = LIMITS) -> str:
    with pytest.raises(Refused) as refused:
        unpack(path, path.with_name("into"), limits)
    return str(refused.value)


@pytest.mark.parametrize("pack", [zipped, tarred, tarred_gz])
def test_an_archive_is_read_like_its_folder(tmp_path: Path, pack: Callable[[Path, Path], Path]) -> None:
    """Also if the folder itself was packed; the kind of archive is known by its content alone."""
    folder = write_bundle(tmp_path / "source")
    work = tmp_path / "NAME"
    work.mkdir()
    pack(folder, work / "bundle")
    copies = ReferenceStore(tmp_path / "voices").of("NAME")
    reading = read_claimed(work, LIMITS, "wav", Disk(), copies)
    assert reading.job
    assert "NAME" == reading.job.name
    assert (folder / "alice.wav").read_bytes() == reading.references[0].path.read_bytes()
    assert reading == read_claimed(work, LIMITS, "wav", Disk(), copies)  # as after a crash


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
def test_names_that_lead_out_are_refused(tmp_path: Path, kind: str, name: str, expected: str) -> None:
    """Nothing is written outside, whatever a member is called."""
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
    """Not links, devices, FIFOs or sparse files."""
    assert expected == refusal(tar_of(tmp_path / "archive", member))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    """zip on Unix writes them as files with a mode."""
    link = zipfile.ZipInfo("l")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    path = zip_of(tmp_path / "archive", (link, b"/etc/passwd"))
    assert "l in it is a symlink; only files and folders are allowed" == refusal(path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    """There is no one to enter a password."""
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
    """It is unclear which of both is meant."""
    twice = tar_of(tmp_path / "archive", info("x"), info("x"), content=b"a")
    assert "x in it cannot be created: File exists" == refusal(twice)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar"])
def test_archive_bombs_are_refused(tmp_path: Path, kind: str) -> None:
    """By their ratio or size, before memory or disk is filled."""
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
    """tarfile would read an extended header of a gigabyte at once."""
    path = tmp_path / "archive"
    header = info("x", tarfile.XHDTYPE)
    header.size = 1 << 30
    path.write_bytes(header.tobuf() + bytes(1 << 20))
    assert "declares a header of more than a megabyte" == refusal(path)


def test_a_zip_with_a_huge_directory_is_refused(tmp_path: Path) -> None:
    """Before the directory is read."""
    path = zip_of(tmp_path / "archive", *((f"{n}" * 100, b"") for n in range(200)))
    assert "holds more than 50 files" == refusal(path)


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    """The limit on files applies to archives too."""
    path = tar_of(tmp_path / "archive", *(info(str(n)) for n in range(51)))
    assert "holds more than 50 files" == refusal(path)


@pytest.mark.parametrize("pack", [zipped, tarred, tarred_gz])
def test_a_truncated_archive_is_waited_for_and_then_rejected(
    tmp_path: Path, pack: Callable[[Path, Path], Path]
) -> None:
    """It may still be being copied; it is claimed when it can be read to its end."""
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
    assert read_claimed(
        claimed.folder, LIMITS, "wav", Disk(), ReferenceStore(tmp_path / "voices").of("NAME")
    ).job


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all" * 100, b"\x1f\x8b" + bytes(100)])
def test_an_invalid_archive_is_a_fault(tmp_path: Path, content: bytes) -> None:
    """A job or a report, never an exception."""
    work = tmp_path / "NAME"
    work.mkdir()
    (work / "bundle").write_bytes(content)
    assert faults_of(read_claimed(work, LIMITS, "wav", Disk(), ReferenceStore(work / "voices").of("NAME")))
    lacking(work / "bundle", LIMITS)


@pytest.mark.parametrize("pack", [zipped, tarred, tarred_gz])
def test_any_byte_may_be_wrong(tmp_path: Path, pack: Callable[[Path, Path], Path]) -> None:
    """Every truncation and every changed byte of a small archive ends in a Job or in faults."""
    whole = pack(write_bundle(tmp_path / "source"), tmp_path / "whole").read_bytes()
    work = tmp_path / "NAME"
    work.mkdir()
    for at in range(0, len(whole), max(1, len(whole) // 120)):
        for content in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]):
            (work / "bundle").write_bytes(content)
            reading = read_claimed(work, LIMITS, "wav", Disk(), ReferenceStore(work / "voices").of("NAME"))
            assert (reading.job is None) == bool(reading.faults)


def test_a_full_disk_is_not_a_fault_of_the_archive(tmp_path: Path) -> None:
    """The caller tries again."""
    path = zip_of(tmp_path / "archive", ("x", b"content"))
    (tmp_path / "into").mkdir()
    with pytest.raises(SpoolError):
        unpack(path, tmp_path / "into", LIMITS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.zip", "a"), ("a.TAR.GZ", "a"), ("a.b.tgz", "a.b"), ("a.tar", "a"), (".zip", ".zip"), ("a", "a")],
)
def test_the_job_has_the_name_without_the_ending(name: str, expected: str) -> None:
    """Whatever kind of archive it is."""
    assert expected == without_ending(name)


@pytest.mark.parametrize(("pack", "expected"), [(zipped, ".zip"), (tarred, ".tar"), (tarred_gz, ".tar.gz")])
def test_an_archives_ending_is_known_by_its_content(
    tmp_path: Path, pack: Callable[[Path, Path], Path], expected: str
) -> None:
    """In work/ it has no ending."""
    assert expected == ending_by_content(pack(write_bundle(tmp_path / "source"), tmp_path / "bundle"))


def test_what_is_not_an_archive_has_no_ending(tmp_path: Path) -> None:
    """A folder, any other file, an empty one, a link to an archive, nothing at all."""
    archive = zipped(write_bundle(tmp_path / "folder"), tmp_path / "archive")
    (tmp_path / "text").write_text("Hello.")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to(archive)

    names = ("folder", "text", "empty", "link", "none")
    assert [""] * 5 == [ending_by_content(tmp_path / name) for name in names]


@pytest.mark.parametrize(
    ("name", "is_packed", "expected"),
    [
        ("script.docx", True, "script.docx"),
        ("packed", True, "packed"),
        ("bundle.zip", True, "bundle.zip"),
        ("bundle.TGZ", True, "bundle.tgz"),
        ("text.zip", False, "text.zip"),
        ("text.txt", False, "text.txt"),
    ],
)
def test_a_dropped_file_is_archived_under_its_own_name(
    tmp_path: Path, name: str, is_packed: bool, expected: str
) -> None:
    """Whatever its content looks like: a .docx is a zip as well, and a .zip may be none."""
    spool = Spool(tmp_path / "spool", -1)
    make_folders(spool.root)
    dropped = spool.inbox / name
    if is_packed:
        zipped(write_bundle(tmp_path / "source"), dropped)
    else:
        dropped.write_text("Hello.")
    content = dropped.read_bytes()
    (claimed,) = Inbox(spool.inbox, spool.work).claim([CompleteBundle(name)], 0.0).claimed
    assert f"archive/{expected}" == archived_as(claimed.folder, spool.outbox, spool.archive)

    publish_all([PublishRequest(claimed.folder, {"result.json": b"{}"}, [])], spool.outbox, spool.archive)

    assert [expected] == names_in(spool.archive)
    assert content == (spool.archive / expected).read_bytes()
    assert [] == names_in(spool.work)


def test_a_jobs_bundle_is_found_with_or_without_an_ending(tmp_path: Path) -> None:
    """Of several the latest: an older one belongs to a job whose result is gone."""
    assert None is bundle_in(tmp_path, "job")
    for name in ("job.tar", "job", "job.tar.gz", "job-2.zip", "job.txt"):
        (tmp_path / name).touch()
    late = tmp_path / "job.zip"
    (tmp_path / "job.tar").rename(late)
    while (
        late.stat().st_ctime_ns <= (tmp_path / "job.txt").stat().st_ctime_ns
    ):  # the clock of files is coarse
        late = late.rename(tmp_path / "moved").rename(tmp_path / "job.zip")

    assert late == bundle_in(tmp_path, "job")
