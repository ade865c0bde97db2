"""job.log has the lines of its job and no others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishd.host.log.job_log import JobLog

LOG = logging.getLogger("fishd.test")


@pytest.fixture
def jobs() -> Iterator[JobLog]:
    handler = JobLog(lambda record: record.getMessage())
    LOG.addHandler(handler)
    LOG.setLevel("INFO")
    yield handler
    LOG.removeHandler(handler)
    LOG.setLevel("NOTSET")
    handler.close()


def test_a_job_gets_its_own_lines(jobs: JobLog, tmp_path: Path) -> None:
    """A record is bound to one job, or to none."""
    for name in ("a", "b"):
        jobs.open_job(name, tmp_path / name / "job.log")
        LOG.info("of %s", name, extra={"job": name})
    LOG.info("of none")
    assert [jobs.finish_job(name) for name in ("a", "b")] == [b"of a\n", b"of b\n"]


def test_lines_are_buffered_until_the_job_is_published(jobs: JobLog, tmp_path: Path) -> None:
    """A small job causes no additional write."""
    jobs.open_job("a", tmp_path / "job.log")
    LOG.info("one", extra={"job": "a"})
    assert b"one\n" == jobs.finish_job("a")
    assert not (tmp_path / "job.log").exists()


def test_lines_are_kept_until_the_job_is_forgotten(jobs: JobLog, tmp_path: Path) -> None:
    """A publication that failed is repeated with the same lines."""
    jobs.open_job("a", tmp_path / "job.log")
    LOG.warning("one", extra={"job": "a"})
    first = jobs.finish_job("a")
    (tmp_path / "job.log").unlink()
    assert b"one\n" == first == jobs.finish_job("a")
    jobs.forget_job("a")
    assert b"" == jobs.finish_job("a")


def test_a_warning_is_written_at_once(jobs: JobLog, tmp_path: Path) -> None:
    """It is in the file even after a crash."""
    jobs.open_job("a", tmp_path / "job.log")
    LOG.info("one", extra={"job": "a"})
    LOG.warning("two", extra={"job": "a"})
    assert (tmp_path / "job.log").read_text() == "one\ntwo\n"


def test_a_resumed_job_continues_its_file(jobs: JobLog, tmp_path: Path) -> None:
    """The lines of the previous process are kept."""
    (tmp_path / "job.log").write_text("earlier\n")
    jobs.open_job("a", tmp_path / "job.log")
    LOG.info("later", extra={"job": "a"})
    assert b"earlier\nlater\n" == jobs.finish_job("a")


def test_lines_after_the_end_of_a_job_are_dropped(jobs: JobLog, tmp_path: Path) -> None:
    """They do not create its folder again."""
    jobs.open_job("a", tmp_path / "out" / "job.log")
    jobs.finish_job("a")
    LOG.warning("late", extra={"job": "a"})
    assert not (tmp_path / "out").exists()


def test_a_removed_folder_is_not_created_again(jobs: JobLog, tmp_path: Path) -> None:
    """The job may just have been cancelled."""
    jobs.open_job("a", tmp_path / "work" / "a" / "out" / "job.log")
    LOG.warning("late", extra={"job": "a"})
    assert not (tmp_path / "work").exists()


def test_many_lines_are_written_in_blocks(jobs: JobLog, tmp_path: Path) -> None:
    """This bounds the memory, however long a job runs."""
    jobs.open_job("a", tmp_path / "job.log")
    for number in range(1050):
        LOG.info("%d", number, extra={"job": "a"})
    assert (tmp_path / "job.log").read_text().count("\n") == 1000
    assert jobs.finish_job("a").splitlines() == [b"%d" % number for number in range(1050)]
