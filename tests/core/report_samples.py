"""Results and statuses as in real use, for the tests of the summary and of `fishd status`."""

from __future__ import annotations

from msgspec.structs import replace

from fishd.core.model.job import Fault, JobStatus
from fishd.core.model.result import (
    ChapterResult,
    FaultResult,
    Result,
    SegmentQuality,
    SegmentResult,
    SkippedResult,
    SpeakerResult,
    Totals,
    TrackResult,
    WorkerShare,
)
from fishd.core.model.status import GpuSnapshot, JobSnapshot, RecentError, Status, WorkerSnapshot

CAST = (("Alice", 12), ("Bob", 11), ("Chloë", 8), ("Dr. Okonkwo", 7), ("Émile", 5), ("Narrator", 3))
PREVIEW = (
    "Preview voices: close to the reference clips, not clones. Install the fish engine for the real ones."
)


def segment(
    number: int, error: str | None = None, duration_s: float = 3.1, *, can_retry: bool | None = True
) -> SegmentResult:
    if error:
        return SegmentResult(f"{number:03d}", "A line.", "failed", takes=3, error=error, can_retry=can_retry)
    clip = f"clips/x/{number:03d}.wav"
    return SegmentResult(f"{number:03d}", "A line.", "done", clip, duration_s, 1, 7, 0, "cpu")


def speaker(name: str, number: int, failed: dict[int, str] | None = None) -> SpeakerResult:
    failed = failed or {}
    return SpeakerResult(name, "en", tuple(segment(n, failed.get(n)) for n in range(1, number + 1)))


def result(status: JobStatus, speakers: tuple[SpeakerResult, ...] = (), **fields: object) -> Result:
    segments = [one for each in speakers for one in each.segments]
    done = [one for one in segments if one.status == "done"]
    audio_s = sum(one.duration_s or 0.0 for one in done)
    wall_s = 6.1
    values: dict[str, object] = {
        "job": "episode",
        "title": "Episode 3",
        "status": status,
        "engine": "preview",
        "device_names": ("cpu",),
        "started": "2026-11-22T15:12:14Z",
        "finished": "2026-11-22T15:12:20Z",
        "totals": Totals(
            len(speakers),
            len(segments),
            len(done),
            len(segments) - len(done),
            audio_s,
            wall_s,
            audio_s / wall_s,
        ),
        "errors": (),
        "speakers": speakers,
        "workers": (WorkerShare(0, "cpu", 25, 5.9), WorkerShare(1, "cpu", 21, 5.2)) if speakers else (),
    }
    return Result(**{**values, **fields})


def done() -> Result:
    return result(JobStatus.DONE, tuple(speaker(name, number) for name, number in CAST), remarks=(PREVIEW,))


def tiny() -> Result:
    return result(JobStatus.DONE, (speaker("Alice", 1),), remarks=(PREVIEW,))


def partial() -> Result:
    cut = "the audio ended before the text did in 3 takes; shorten the line or raise pool.max_takes"
    lost = "the worker was lost 3 times while it spoke this (killed by signal 9: out of memory)"
    speakers = (
        speaker("Alice", 12, {3: cut, 7: cut}),
        speaker("Bob", 11, dict.fromkeys(range(1, 12), lost)),
        speaker("Narrator", 3),
    )
    warning = Fault("alice.wav", "is 74 s long; only the first 60 s are used")
    return result(JobStatus.PARTIAL, speakers, warnings=(warning,), remarks=(PREVIEW,))


def doubtful() -> Result:
    """Three lines of one speaker are doubtful, and differ in how bad they are."""
    faults = {
        2: (FaultResult("pause", "1.8 s of silence before the first word", 0.4),),
        5: (FaultResult("noise", "noise: its loud and quiet parts are only 3 dB apart", 1.0),),
        9: (
            FaultResult("hole", "2.9 s hole at 1.4 s", 0.7),
            FaultResult("level", "14 dB louder than usual", 0.3),
        ),
    }
    alice = speaker("Alice", 12)
    segments = tuple(
        replace(one, quality=SegmentQuality(faults.get(n, ()), 14.1, -22.3), takes=3 if n in faults else 1)
        for n, one in enumerate(alice.segments, 1)
    )
    job = result(JobStatus.DONE, (replace(alice, segments=segments),))
    return replace(job, totals=replace(job.totals, doubtful=len(faults)))


def placed(number: int, at_s: float, speed: float = 1.0, overrun_s: float | None = None) -> SegmentResult:
    """A segment of a job with tracks."""
    return replace(segment(number), at_s=at_s, speed=speed, overrun_s=overrun_s)


def delivered() -> Result:
    """With tracks, chapters, levels, skipped lines, and a line that does not fit."""
    speakers = (
        SpeakerResult("Ada", "en", (placed(1, 0.5), placed(2, 4.0, 1.25, 0.84)), -31.46, 8.46),
        SpeakerResult("Bob", "en", (placed(3, 61.0, 1.1), placed(4, 3700.0)), -14.0, -9.0),
    )
    return result(
        JobStatus.DONE,
        speakers,
        tracks=(
            TrackResult("tracks/mix.flac", 3703.1, 61_234_567),
            TrackResult("tracks/Ada.flac", 3703.1, 1_234_567),
            TrackResult("episode.m4b", 3703.1, 29_000_000),
        ),
        chapters=(ChapterResult("The Boat", 0.0, 61.0), ChapterResult("The Sea", 61.0, 3703.1)),
        skipped=(SkippedResult("005", "[door slams]", "", 65.0, 66.0), SkippedResult("006", "♪ la la ♪")),
    )


def rejected() -> Result:
    faults = (
        Fault("job.toml", "line 14, column 9: a value is missing after `=`"),
        Fault("speakers[0].reference", "../alice.wav leads out of the bundle; put the file inside it"),
        Fault("speakers[0].transcript", "is missing; write what the reference clip says"),
        *(Fault(f"speakers[1].segments[{n}].text", "is empty; write what is to be said") for n in range(5)),
        Fault("bob.flac", "not audio that can be read (zero bytes); export it again as WAV or FLAC"),
        Fault("carol.wav", "is silent; record the reference again"),
        Fault("dave.wav", "is 0.2 s long; a voice needs at least 1 second, better 10 to 30"),
        Fault("speakers[4].name", "“Alice” is there twice; give one of them another name"),
    )
    return result(JobStatus.REJECTED, errors=faults, engine="", device_names=(), title="")


def hostile() -> Result:
    names = (
        "[red]x[/red]",
        "<script>alert(1)</script>",
        "\x1b[31mred\x1b[0m\x07",
        "right\u202eleft",
        "線の先生と新しい仲間たち",
        "👩‍👩‍👧 family 🐟",
        "שלום עולם",
        "a\u0301\u0302\u0303\u0304\u0305\u0306\u0307 marks",
        "line\nbreak",
        "x" * 255,
        "b\udcffytes",
    )
    speakers = tuple(speaker(name, 2, {2: f"{name} could not be said"}) for name in names)
    late = tuple(
        SpeakerResult(name, name, (replace(placed(1, 9e5, 1.25, 1e4), text=name, id=name),), -99.9, 99.9)
        for name in names
    )
    return result(
        JobStatus.PARTIAL,
        speakers + late,
        job=names[2],
        title=names[1] + names[0],
        device_names=names[:4],
        tracks=tuple(TrackResult(f"tracks/{name}.flac", 9e5, 10**12) for name in names),
        chapters=tuple(ChapterResult(name, 9e5, 9e6) for name in names),
        skipped=tuple(SkippedResult(name, name * 9, name, 9e5) for name in names),
    )


def status(**fields: object) -> Status:
    values: dict[str, object] = {
        "version": "0.1.0",
        "pid": 4711,
        "at": "2026-11-22T15:12:14Z",
        "started": "2026-11-22T13:09:02Z",
        "state": "running",
        "engine": "fish",
        "spool": "/var/lib/fishd/spool",
    }
    return Status(**{**values, **fields})


def busy() -> Status:
    gpu = "NVIDIA GeForce RTX 4090"
    return status(
        jobs=(
            JobSnapshot("episode", "Episode 3", "speaking", 0, 24, 1, 34, 96.0, 22.4, 5.1, 9.0),
            JobSnapshot(
                "audiobook", "線の先生と新しい仲間たち、第三巻", "waiting", 0, 6, 0, 12, 18.0, 0.0, 2.0
            ),
        ),
        waiting=1,
        workers=(
            WorkerSnapshot(0, "cuda:0", gpu, "ready", 8, 8, 1203, 0, 7.4, 5001),
            WorkerSnapshot(1, "cuda:0", gpu, "ready", 8, 7, 1187, 0, 7.4, 5002),
            WorkerSnapshot(
                2, "cuda:1", gpu, "draining", 4, 1, 640, 2, 7.9, 5003, "out of memory; runs with 4 slots"
            ),
            WorkerSnapshot(3, "cuda:1", gpu, "starting", 0, 0, 0, 1, None, 5004),
        ),
        gpus=(GpuSnapshot(0, gpu, 24.0, 8.9, 2), GpuSnapshot(1, gpu, 24.0, 2.2, 2)),
        errors=(
            RecentError("2026-11-22T14:02:51Z", "config.toml", "pool.max_takes: is 0; give it 1 or more"),
            RecentError("2026-11-22T15:11:40Z", "worker 2", "CUDA out of memory: 512 MiB more did not fit"),
        ),
        jobs_done=12,
        segments_done=530,
        audio_s=1893.2,
    )


def idle() -> Status:
    return status(
        engine="preview",
        workers=(WorkerSnapshot(0, "cpu", "", "ready", 1, 0, 46, 0, 0.4, 5001),),
        jobs_done=1,
    )
