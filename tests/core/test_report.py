"""The summary of a finished job: its content, and its safety with hostile names."""

from __future__ import annotations

import json
import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from fishd.core.model.job import Fault, JobStatus
from fishd.core.model.result import ChapterResult, Result, SkippedResult, SpeakerResult, WorkerShare
from fishd.view.report.summary import render, result_json
from tests.core import report_samples as samples

SAMPLES = (samples.done, samples.delivered, samples.tiny, samples.partial, samples.rejected, samples.hostile)
FIRST_KEYS = "job title status engine device_names started finished totals errors speakers"


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_summary_begins_with_status_title_and_outcome() -> None:
    """In a frame."""
    first, title, job, outcome, *_ = render(samples.done()).splitlines()
    assert first.startswith("╭─ ✓ Done ─")
    assert title.strip("│ ") == "Episode 3"
    assert job.strip("│ ") == "job episode"
    assert outcome.strip("│ ") == "All 46 segments are spoken: 2 min 23 s of speech in 6.1 s."


def test_each_speaker_has_a_row_with_segments_seconds_and_failures() -> None:
    """A dash for none."""
    rows = [squeezed(line) for line in render(samples.partial()).splitlines()]
    assert "Alice en 12 31.0 s 2" in rows
    assert "Bob en 11 0.0 s 11" in rows
    assert "Narrator en 3 9.3 s –" in rows


def test_each_worker_has_a_row_with_device_takes_and_busy_share() -> None:
    """That is busy seconds over wall time, as a number and as a bar."""
    rows = [squeezed(line) for line in render(samples.done()).splitlines()]
    assert "Worker 0 cpu 25 97% ━━━━━━━━━━━━━━━┄" in rows
    assert "Worker 1 cpu 21 85% ━━━━━━━━━━━━━━┄┄" in rows


def test_the_totals_have_wall_time_speech_rate_and_speed() -> None:
    """The speed against real time."""
    rows = [squeezed(line) for line in render(samples.done()).splitlines()]
    assert "Wall time 6.1 s (22 Nov 2026, 15:12:14 to 15:12:20 UTC)" in rows
    assert "Speech rate 23.4 seconds of speech per second" in rows
    assert "Speed 23.4 × real time: an hour of speech takes 2 min 34 s" in rows


def section(result: Result, title: str) -> list[str]:
    """The rows of a section, below its titles and its rule."""
    lines = render(result).splitlines()
    begin = lines.index(title) + 3
    end = next((n for n in range(begin, len(lines)) if not lines[n]), len(lines))
    return [squeezed(line) for line in lines[begin:end]]


def test_each_track_has_a_row_with_length_and_size() -> None:
    """Below them, where the times are, and how many lines were sped up."""
    assert [
        "tracks/mix.flac 1:01:43 58.4 MiB",
        "tracks/Ada.flac 1:01:43 1.2 MiB",
        "episode.m4b 1:01:43 27.7 MiB",
        "The times as spoken are in tracks/: subtitles.srt, subtitles.vtt, timing.csv.",
        "2 lines sped up to fit, at most ×1.25.",
    ] == section(samples.delivered(), "Tracks")


def test_each_chapter_has_a_row_with_begin_and_length() -> None:
    """In the tracks."""
    chapters = ["The Boat 00:00 01:01", "The Sea 01:01 1:00:42"]
    assert chapters == section(samples.delivered(), "Chapters")


def test_each_speakers_level_and_gain_are_shown() -> None:
    """Where the job is levelled."""
    levels = ["Ada -31.5 LUFS +8.5 dB", "Bob -14.0 LUFS -9.0 dB"]
    assert levels == section(samples.delivered(), "Levels")


def test_lines_that_do_not_fit_are_shown_with_their_seconds() -> None:
    """Before the tracks: they are what somebody must shorten."""
    assert ["A line. 002 Ada 00:04 0.84 s"] == section(samples.delivered(), "Lines that do not fit")


def test_skipped_lines_are_shown() -> None:
    """With their times, where they have any."""
    skipped = ["[door slams] 005 01:05", "♪ la la ♪ 006 –"]
    assert skipped == section(samples.delivered(), "Skipped lines")


def test_many_chapters_and_skipped_lines_are_cut() -> None:
    """result.json has them all."""
    chapters = tuple(ChapterResult(f"Chapter {n}", n, n + 1) for n in range(1000))
    skipped = tuple(SkippedResult(f"{n}", "[door]") for n in range(1000))
    text = render(msgspec.structs.replace(samples.delivered(), chapters=chapters, skipped=skipped))
    assert "… and 980 more chapters: result.json lists all" in text
    assert "… and 980 more lines: result.json lists all" in text


def test_a_job_without_tracks_has_no_sections_about_them() -> None:
    """Its summary is as short as before."""
    lines = render(samples.done()).splitlines()
    assert {"Tracks", "Chapters", "Levels", "Skipped lines", "Lines that do not fit"}.isdisjoint(lines)


def test_the_engines_remark_is_shown() -> None:
    """So that listeners know that a preview is one."""
    assert samples.PREVIEW in squeezed(render(samples.done()))


def test_doubtful_lines_come_first_with_their_reasons_the_worst_first() -> None:
    """Before speakers and totals; the outcome says how many."""
    lines = [line.strip() for line in render(samples.doubtful()).splitlines()]
    first = lines.index("Doubtful lines: listen to them")

    assert "All 12 segments are spoken (3 doubtful):" in " ".join(lines)
    assert first < lines.index("Speakers")
    assert [
        "? Alice 005: noise: its loud and quiet parts are only 3 dB apart",
        "? Alice 009: 2.9 s hole at 1.4 s; 14 dB louder than usual",
        "? Alice 002: 1.8 s of silence before the first word",
    ] == [line for line in lines if line.startswith("? ")]


def test_failures_are_grouped_by_reason() -> None:
    """Each reason with all its segments."""
    text = squeezed(render(samples.partial()))
    assert "✗ Alice 003, 007 the audio ended before the text did in 3 takes; shorten the line" in text
    assert "✗ Bob 001, 002, 003" in text


def test_every_fault_of_a_rejected_bundle_is_shown() -> None:
    """Each with its place, and the next step below them."""
    result = samples.rejected()
    text = squeezed(render(result))
    for fault in result.errors:
        assert fault.where in text
        assert squeezed(fault.what) in text
    assert "12 faults" in text
    assert "→ Fix the bundle, which is in archive/episode, and drop it again." in text


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED])
def test_the_next_step_has_the_real_path_of_the_bundle(status: JobStatus) -> None:
    """An archive keeps its suffix."""
    text = squeezed(render(samples.result(status), "archive/episode-2.zip"))
    assert re.search(r"in archive/episode-2\.zip\b", text)


NO_WORD = "the text '–' has no letter or digit"
STUTTER = "the audio is silent (3 takes)"


def with_failures(*can_retry: bool | None, done: int = 0) -> Result:
    """A job of one speaker: `done` segments, then one failed segment for each of `can_retry`."""
    segments = tuple(samples.segment(n + 1) for n in range(done)) + tuple(
        samples.segment(done + n + 1, NO_WORD if may is False else STUTTER, can_retry=may)
        for n, may in enumerate(can_retry)
    )
    status = JobStatus.PARTIAL if done else JobStatus.FAILED
    return samples.result(status, (SpeakerResult("Alice", "en", segments),))


FIX = "fix the text or the reference, then drop the bundle again (it is in archive/episode)."


@pytest.mark.parametrize(
    ("result", "step"),
    [
        (
            with_failures(True, None, done=1),
            "fishd retry episode speaks the failed segments again; finished segments are kept.",
        ),
        (
            with_failures(True, None),
            "Fix the cause, then: fishd retry episode (the bundle is in archive/episode)",
        ),
        (
            with_failures(False, False, done=1),
            f"A retry cannot help: {FIX} Finished segments are reused.",
        ),
        (with_failures(False), f"A retry cannot help: {FIX}"),
        (
            with_failures(True, False, True, done=1),
            (
                f"A retry cannot help 1 of the 3 failed segments: {FIX} Finished segments are reused. "
                "Without a fix, fishd retry episode can help only the other 2."
            ),
        ),
        (
            samples.rejected(),
            (
                "Fix the bundle, which is in archive/episode, and drop it again. "
                "To check it before: fishd check BUNDLE"
            ),
        ),
        (
            samples.result(JobStatus.CANCELLED),
            "To have it spoken after all, drop the bundle again; it is in archive/episode.",
        ),
    ],
    ids=["partial", "failed", "partial-no-retry", "failed-no-retry", "mixed", "rejected", "cancelled"],
)
def test_a_job_that_is_not_done_has_a_next_step(result: Result, step: str) -> None:
    """A retry only where another take may succeed; where the version did not record it, it may."""
    assert squeezed(f"→ {step}") in squeezed(render(result))


def test_failures_that_a_retry_cannot_help_are_marked_among_others() -> None:
    """Where all are alike, the next step says it."""
    mixed = squeezed(render(with_failures(True, False, done=1)))
    assert f"✗ Alice 002: {STUTTER} ✗ Alice 003: {NO_WORD} (a retry cannot help) →" in mixed
    assert f"✗ Alice 002: {NO_WORD} →" in squeezed(render(with_failures(False, done=1)))


def test_the_next_step_can_be_pasted_into_a_shell() -> None:
    """A name with a space is quoted."""
    result = samples.result(JobStatus.PARTIAL, job="my job")
    assert "fishd retry 'my job'" in render(result)


def test_a_fault_is_shown_once() -> None:
    """Also if it is both a segment's and among the job's errors."""
    speakers = (samples.speaker("Alice", 2, {2: "it was too long"}),)
    result = samples.result(
        JobStatus.PARTIAL, speakers, errors=(Fault("speakers[0].segments[1]", "it was too long"),)
    )
    assert render(result).count("it was too long") == 1


def test_many_failures_are_cut_with_a_reference_to_result_json() -> None:
    """It has them all."""
    failed = {n: f"reason {n}" for n in range(1, 1001)}
    text = render(samples.result(JobStatus.PARTIAL, (samples.speaker("Alice", 1000, failed),)))
    assert len(text.splitlines()) < 60
    assert "… and 988 more reasons: result.json lists all" in text


def test_many_faults_and_speakers_are_cut() -> None:
    """So that a browser can open the page."""
    faults = tuple(Fault(f"speakers[{n}].name", "is empty") for n in range(5000))
    speakers = tuple(samples.speaker(f"Voice {n}", 1) for n in range(5000))
    text = render(samples.result(JobStatus.PARTIAL, speakers, errors=faults))
    assert len(text.splitlines()) < 150
    assert "… and 4,950 more faults: result.json lists all" in text
    assert "… and 4,960 more speakers: result.json lists all" in text


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_line_is_wider_than_eighty_cells(sample: object) -> None:
    """The text fits a terminal of 80 columns, whatever the names."""
    lines = render(sample()).splitlines()  # type: ignore[operator] -- a tuple of functions
    assert max(cell_len(line) for line in lines) <= 80


def test_control_characters_are_written_out() -> None:
    """Escapes, bidi overrides, line breaks and undecoded bytes in names have no effect."""
    text = render(samples.hostile())
    for shown in (
        r"\x1b[31mred\x1b[0m\x07",
        r"right\u202eleft",
        r"line\nbreak",
        r"b\xffytes",
        "[red]x[/red]",
    ):
        assert shown in text
    assert not set("\x1b\x07\u202e\r") & set(text)


def test_wide_characters_keep_the_columns_aligned() -> None:
    """Rows with CJK and emoji have as many cells as the others."""
    lines = render(samples.hostile()).splitlines()
    start = lines.index("Speakers")
    assert {cell_len(line) for line in lines[start + 3 : start + 14]} == {78}


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_names_and_errors_give_a_summary(name: str, what: str) -> None:
    """It fits and can be encoded."""
    speakers = (samples.speaker(name, 2, {2: what}),)
    result = samples.result(JobStatus.PARTIAL, speakers, job=name, title=what, errors=(Fault(name, what),))
    text = render(result)
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    text.encode()


def test_a_job_of_20_000_segments_is_rendered_in_half_a_second() -> None:
    """Of CPU time."""
    result = samples.result(
        JobStatus.PARTIAL, (samples.speaker("A", 20_000, dict.fromkeys(range(9_000), "x")),)
    )
    started = time.process_time()
    render(result)
    assert time.process_time() - started < 0.5


def test_a_wall_time_of_zero_is_no_division_by_zero() -> None:
    """An engine may return at once."""
    done = samples.done()
    totals = msgspec.structs.replace(done.totals, wall_s=0.0, speech_rate=0.0)
    result = msgspec.structs.replace(done, totals=totals, workers=(WorkerShare(0, "cpu", 46, 0.0),))
    assert "Worker 0" in render(result)


def test_result_json_has_the_documented_order() -> None:
    """Indented by two spaces."""
    encoded = result_json(samples.done())
    assert list(json.loads(encoded))[:10] == FIRST_KEYS.split()
    assert encoded.startswith(b'{\n  "job": "episode",\n  "title": "Episode 3",\n  "status": "done"')


def test_result_json_can_be_decoded() -> None:
    """To an equal result."""
    for sample in (samples.done, samples.partial, samples.rejected):
        assert msgspec.json.decode(result_json(sample()), type=Result) == sample()


def test_result_json_is_utf_8() -> None:
    """Unescaped; a byte that is not UTF-8 is written out."""
    result = samples.result(JobStatus.DONE, (samples.speaker("日本", 1),), job="b\udcff")
    assert json.loads(result_json(result).decode())["job"] == r"b\xff"
    assert "日本" in result_json(result).decode()
