"""Hostile bundles in a real daemon: each has a result, and no other job is affected."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fishd.spool.durable.disk import Disk, remove_tree
from fishd.view.page.page import asset
from tests.daemon.bundles import make_bundle, make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon

DEPTH = 10_000
TERABYTE = 1 << 40
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe"
# Sequences that a terminal would execute; our own colours are not among them.
EXECUTED = ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\u202e")
MARKUP = "[bold red]x[/] [link=file:///etc/passwd]y[/link] :skull: [/]"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def fifo(bundle: Path) -> None:
    (bundle / "Ada.wav").unlink()
    os.mkfifo(bundle / "Ada.wav")


def fifo_as_manifest(bundle: Path) -> None:
    (bundle / "job.toml").unlink()
    os.mkfifo(bundle / "job.toml")


def device(bundle: Path) -> None:
    (bundle / "Ada.wav").unlink()
    os.mknod(bundle / "Ada.wav", 0o020_666, os.makedev(1, 5))  # /dev/zero


def symlink(bundle: Path) -> None:
    (bundle / "Ada.wav").unlink()
    (bundle / "Ada.wav").symlink_to("/etc/passwd")


def symlinked_manifest(bundle: Path) -> None:
    (bundle / "job.toml").unlink()
    (bundle / "job.toml").symlink_to("/etc/passwd")


def sparse(bundle: Path) -> None:
    os.truncate(bundle / "Ada.wav", TERABYTE)


def sparse_manifest(bundle: Path) -> None:
    os.truncate(bundle / "job.toml", TERABYTE)


def many_files(bundle: Path) -> None:
    for number in range(1_500):
        (bundle / f"{number}.txt").touch()


def deep(bundle: Path) -> None:
    folder = os.open(bundle, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)


def path_outside(bundle: Path) -> None:
    manifest = bundle / "job.toml"
    manifest.write_text(manifest.read_text().replace('"Ada.wav"', '"../../../../../../../../etc/passwd"'))


HOSTILE: dict[Callable[[Path], None], str] = {
    fifo: "is a FIFO, not a file",
    fifo_as_manifest: "is a FIFO, not a file",
    device: "is a device, not a file",
    symlink: "is a symlink",
    symlinked_manifest: "is a symlink",
    sparse: "1024.0 GiB",
    sparse_manifest: "1024.0 GiB",
    many_files: "holds more than 1,000 files",
    deep: "holds folders more than 16 deep",
    path_outside: "leads out of the bundle",
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_hostile_bundles_are_rejected_and_a_good_one_among_them_is_spoken(tmp_path: Path) -> None:
    """All are dropped at the same time; each has its reason, none blocks or fills the memory."""
    with running_daemon(tmp_path, {"limits": {"max_files": 1_000}}) as daemon:
        bundles = [
            *(make_in_inbox(daemon, spoil.__name__, spoil) for spoil in HOSTILE),
            make_in_inbox(daemon, "good"),
        ]
        for bundle in bundles:
            bundle.rename(bundle.with_suffix(""))
        assert "done" == daemon.wait_for_result("good")["status"]
        for spoil, expected in HOSTILE.items():
            result = daemon.wait_for_result(spoil.__name__)
            assert "rejected" == result["status"], spoil.__name__
            assert expected in " ".join(fault["what"] for fault in result["errors"]), result["errors"]
        assert psutil.Process(daemon.process.pid).memory_info().rss < 150 << 20
        assert 0 == daemon.stop()
    remove_tree(Disk(), daemon.spool / "archive" / "deep")


def test_a_rejected_file_is_archived_where_its_summary_says(tmp_path: Path) -> None:
    """It keeps its name, even if only its content looks like an archive."""
    source = make_bundle(tmp_path / "source")
    (source / "job.toml").unlink()
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", source)).read_bytes()
    with running_daemon(tmp_path, {"spool": {"settle_s": 0.1, "settle_timeout_s": 0.2}}) as daemon:
        for name in ("packed.zip", "script.docx"):
            (daemon.spool / "inbox" / name).write_bytes(packed)
        for job, name in (("packed", "packed.zip"), ("script.docx", "script.docx")):
            assert "rejected" == daemon.wait_for_result(job)["status"]
            summary = (daemon.spool / "outbox" / job / "summary.txt").read_text()
            assert f"archive/{name}" in re.findall(r"archive/[\w.]+", summary)
            archived = daemon.spool / "archive" / name
            daemon.wait_until(archived.exists, f"{name} in the archive")
            assert packed == archived.read_bytes()


def make_in_inbox(daemon: DaemonProcess, name: str, spoil: Callable[[Path], None] = lambda _: None) -> Path:
    """A bundle in the inbox under an ignored name."""
    bundle = make_ready_bundle(daemon.spool / "inbox" / f"{name}.part")
    spoil(bundle)
    return bundle


def test_a_clip_that_is_swapped_after_it_was_checked_is_never_opened(tmp_path: Path) -> None:
    """The bundle's owner may still change it; workers read the copies that were checked."""
    gate = tmp_path / "gate"
    with running_daemon(tmp_path / "daemon", gate=str(gate)) as daemon:
        daemon.drop(make_bundle(tmp_path / "swapped", {"Ada": ["One.", "Two."]}))
        daemon.wait_for_log("Launching Worker 1")
        work = daemon.spool / "work" / "swapped"
        checked = (work / "bundle" / "Ada.wav").read_bytes()
        (work / "bundle" / "Ada.wav").unlink()
        (work / "bundle" / "Ada.wav").symlink_to(tmp_path / "gone")  # the engine would fail
        copies = list((daemon.spool / ".references").iterdir())
        assert [checked] == [path.read_bytes() for path in copies]
        gate.touch()
        assert "done" == daemon.wait_for_result("swapped")["status"]


def test_a_folder_swapped_for_a_link_while_it_is_removed_is_not_followed(tmp_path: Path) -> None:
    """The owner of an archived bundle could do so between the check and the removal."""

    class SwappingDisk(Disk):
        def rename(self, source: Path, target: Path) -> None:
            if source.name == "victim":
                source.rename(tmp_path / "away")
                source.symlink_to(tmp_path / "kept")
            super().rename(source, target)

    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "tree" / "victim").mkdir(parents=True)
    remove_tree(SwappingDisk(), tmp_path / "tree")
    assert (tmp_path / "kept" / "file").exists()
    assert not (tmp_path / "tree").exists()


@pytest.mark.parametrize("color", ["always", "never"])
def test_names_cannot_break_the_log_the_terminal_or_the_page(tmp_path: Path, color: str) -> None:
    """Every name and text that is displayed holds escape sequences, markup and scripts."""
    hostile = f"{ESCAPES}{MARKUP}{SCRIPT}"
    log_file = tmp_path / "file.log"
    config = {"log": {"color": color, "file": str(log_file)}}
    with running_daemon(tmp_path, config, faults={"refused": "refuse"}) as daemon:
        folder = make_bundle(tmp_path / "hostile", {"Ada": ["refused", "spoken"]})
        manifest = (folder / "job.toml").read_text()
        quoted = hostile.replace("\x1b", "\\u001b").replace("\x07", "\\u0007").replace("\x9b", "\\u009b")
        manifest = manifest.replace('"refused"', f'"refused {quoted}"').replace('"spoken"', f'"{quoted}"')
        manifest = manifest.replace('name = "Ada"', f'name = "{quoted}"')
        (folder / "job.toml").write_text(f'title = "{quoted}"\n{manifest}', encoding="utf-8")
        name = hostile.replace("/", "|")
        daemon.drop(folder, name)
        bad = make_bundle(tmp_path / "bad")
        (bad / "job.toml").write_text(f'"{quoted}" = 1\n', encoding="utf-8")
        daemon.drop(bad, f"bad {name}")
        daemon.wait_until(lambda: len(list((daemon.spool / "outbox").glob("*/result.json"))) == 2, "both")
        assert 0 == daemon.stop(signal.SIGTERM)
    for path in (daemon.log_path, log_file, *(daemon.spool / "outbox").glob("*/*.*")):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        assert [] == [sequence for sequence in EXECUTED if sequence in text], path
        if path.suffix == ".html":
            page = text.replace(f"<script>{asset('page.js')}</script>", "")
            assert "<script" not in page
            assert "<img" not in page
            assert SCRIPT not in page
    assert {"partial", "rejected"} == {
        daemon.result(path.name)["status"] for path in (daemon.spool / "outbox").iterdir()
    }
