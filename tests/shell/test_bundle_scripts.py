"""Bundles whose lines are in a script: with a manifest, as a cast folder, or a script dropped alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.timeline import Break
from fishd.core.model.job import Job
from fishd.spool.bundle.load import LoadedBundle, read_bundle, read_dropped
from fishd.spool.bundle.settings import BundleSettings
from tests.shell.bundles import SOUND, faults_of

SRT = """1
00:00:01,000 --> 00:00:02,500
MARA: Who is there?

2
00:00:03,000 --> 00:00:04,000
[door slams]

3
00:00:04,500 --> 00:00:06,000
- Only me.
- SQL knows <i>you</i>.
"""
SPEAKERS = """
[[speakers]]
name = "Mara"
reference = "mara.wav"
transcript = "What Mara says."
[[speakers]]
name = "Bob"
aliases = ["Robert"]
reference = "bob.wav"
transcript = "What Bob says."
"""


def write(folder: Path, **files: str | bytes) -> Path:
    """A folder with these files; `mara__reference_wav` is mara/reference.wav."""
    for name, content in files.items():
        *folders, file = name.split("__")
        path = folder.joinpath(*folders, ".".join(file.rsplit("_", 1)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def voices(folder: Path, *names: str) -> BundleSettings:
    """A voice library, whose first voice is the default."""
    for name in names:
        write(folder / name, reference_wav=SOUND, reference_txt=f"What {name} says.")
    return BundleSettings(voices=folder, default_voice=names[0] if names else "")


def bundle(folder: Path, manifest: str, **files: str | bytes) -> Path:
    return write(folder, job_toml=manifest, mara_wav=SOUND, bob_wav=SOUND, **files)


def job_of(loaded: LoadedBundle) -> Job:
    assert () == loaded.faults
    assert loaded.job is not None
    return loaded.job


def lines_of(job: Job) -> list[tuple[str, str, str]]:
    """(speaker, id, text) of every line, in script order."""
    placed = [
        (segment.position, speaker.name, segment.id, segment.text)
        for speaker in job.speakers
        for segment in speaker.segments
    ]
    return [line for _, *line in sorted(placed)]  # pyright: ignore[reportReturnType]


def test_a_scripts_lines_go_to_the_speakers_that_it_names(tmp_path: Path) -> None:
    """With their times; what names nobody goes to [script] speaker; sounds are skipped."""
    manifest = f'[script]\nfile = "a.srt"\nspeaker = "Robert"\n{SPEAKERS}'
    job = job_of(read_bundle(bundle(tmp_path / "NAME", manifest, a_srt=SRT), "NAME"))
    assert [
        ["Mara", "001", "Who is there?"],
        ["Bob", "003a", "Only me."],
        ["Bob", "003b", "SQL knows you."],
    ] == lines_of(job)
    (mara, bob) = job.speakers
    assert (1.0, 2.5) == (mara.segments[0].start, mara.segments[0].end)
    assert [False, True] == [segment.same_cue for segment in bob.segments]
    assert [("002", "[door slams]", 1)] == [(line.id, line.text, line.position) for line in job.skipped]
    assert ("mix",) == job.tracks
    assert job.is_assembled


def test_pronunciations_reach_what_is_spoken(tmp_path: Path) -> None:
    """The bundle's add to the configuration's and win; the text stays as written."""
    manifest = f'[script]\nfile = "a.srt"\nspeaker = "Bob"\n[pronounce]\nSQL = "sequel"\n{SPEAKERS}'
    settings = BundleSettings(pronounce={"SQL": "squirrel", "me": "moi"})
    job = job_of(read_bundle(bundle(tmp_path / "NAME", manifest, a_srt=SRT), "NAME", settings))
    (only, knows) = job.speakers[1].segments
    assert ("Only me.", "Only moi.") == (only.text, only.speech)
    assert ("SQL knows you.", "sequel knows you.") == (knows.text, knows.speech)


def test_a_cast_folder_needs_no_manifest(tmp_path: Path) -> None:
    """One script, and a sub-folder for each speaker without lines.txt."""
    folder = write(
        tmp_path / "NAME",
        table_csv="id,speaker,text\nhello,Bob,Good evening.\nbye,bob,Good night.\n",
        Bob__reference_wav=SOUND,
        Bob__reference_txt="What Bob says.",
    )
    job = job_of(read_bundle(folder, "NAME"))
    assert [["Bob", "hello", "Good evening."], ["Bob", "bye", "Good night."]] == lines_of(job)
    assert ["clips/Bob/hello.wav", "clips/Bob/bye.wav"] == [s.clip for s in job.speakers[0].segments]
    assert ((), False) == (job.tracks, job.is_assembled)


def test_files_beside_the_speakers_of_the_old_convention_are_no_scripts(tmp_path: Path) -> None:
    """A README beside folders with lines.txt changes nothing."""
    folder = write(
        tmp_path / "NAME",
        README_md="# About\n",
        Bob__reference_wav=SOUND,
        Bob__reference_txt="What Bob says.",
        Bob__lines_txt="One.\n",
    )
    assert [["Bob", "001", "One."]] == lines_of(job_of(read_bundle(folder, "NAME")))


def test_a_script_alone_is_spoken_by_the_voice_library(tmp_path: Path) -> None:
    """Named speakers are looked up, in any case and by alias; what names nobody goes to the default voice."""
    settings = voices(tmp_path / "voices", "Narrator", "mara")
    write(tmp_path / "voices" / "mara", voice_toml='language = "de"\naliases = ["MARA (V.O.)"]')
    script = write(tmp_path, Episode_srt=SRT) / "Episode.srt"
    job = job_of(read_dropped(script, script.name, settings, unpacked=tmp_path / "x", copies=None))
    assert ("Episode", ["mara", "Narrator"]) == (job.name, [speaker.name for speaker in job.speakers])
    assert ("de", "en") == (job.speakers[0].language, job.speakers[0].segments[0].language)
    assert str(tmp_path / "voices" / "mara" / "reference.wav") == job.speakers[0].files[0]


def test_a_books_chapters_title_author_and_language_reach_the_job(tmp_path: Path) -> None:
    """Its headings begin chapters, its paragraphs keep their breaks."""
    settings = voices(tmp_path / "voices", "Narrator")
    head = "---\ntitle: The Sea\nauthor: A. Writer\n---\n"
    text = f"{head}# One\n\nIt rained. It poured.\n\nThen it stopped.\n\n# Two\n\nEnd.\n"
    script = write(tmp_path, book_md=text) / "book.md"
    job = job_of(read_dropped(script, script.name, settings, unpacked=tmp_path / "x", copies=None))
    assert ("The Sea", "A. Writer") == (job.title, job.author)
    assert [("One", 0), ("Two", 3)] == [(chapter.title, chapter.first_line) for chapter in job.chapters]
    breaks = [segment.break_before for segment in job.speakers[0].segments]
    assert [Break.CHAPTER, Break.PARAGRAPH, Break.PARAGRAPH, Break.CHAPTER] == [
        b if n != 1 else Break.PARAGRAPH for n, b in enumerate(breaks[:4])
    ]


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (
            f'[script]\nfile = "a.srt"\n{SPEAKERS}',
            [
                (
                    "a.srt:10 (cue 3): names no speaker (and 1 more line); set [script] speaker in job.toml, "
                    "or [voices] default in config.toml; there is no voice library"
                )
            ],
        ),
        (
            f'[script]\nfile = "a.srt"\nspeaker = "Eve"\n{SPEAKERS}',
            ['script.speaker: "Eve", who speaks what names nobody, is no speaker; there is no voice library'],
        ),
        (f'[script]\nspeaker = "Bob"\n{SPEAKERS}', ['script: has no file; add file = "episode.srt"']),
        (
            f'[script]\nfile = "b.srt"\nspeaker = "Bob"\n{SPEAKERS}',
            ["script.file: b.srt is missing"],
        ),
        (
            f'[script]\nfile = "a.srt"\nspeaker = "Bob"\n{SPEAKERS}segments = [{{ text = "x" }}]\n',
            ["speakers[1]: has segments, and [script] has the lines; keep one of the two"],
        ),
        (
            '[script]\nfile = "a.srt"\n[[speakers]]\nname = "Mara"\nvoice = "mara"\n',
            ['speakers[0].voice: "mara" is not a voice; there is no voice library'],
        ),
        (
            f'[script]\nfile = "a.srt"\nskip = [""]\ncolumns = {{ txt = "x" }}\n{SPEAKERS}',
            [
                "script.columns.txt: is not a known key; did you mean text?",
                'script.skip[0]: is ""; must be the beginning of lines that are not spoken',
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_script_is_reported_with_its_place(
    tmp_path: Path, manifest: str, expected: list[str]
) -> None:
    """And with the fix."""
    loaded = read_bundle(bundle(tmp_path / "NAME", manifest, a_srt=SRT), "NAME")
    assert expected == faults_of(loaded)[: len(expected)]


def test_an_unknown_speaker_is_reported_once_with_the_voices_that_are_there(tmp_path: Path) -> None:
    """However many lines it has."""
    settings = voices(tmp_path / "voices", "Ada")
    table = "speaker,text\nEve,One.\nAda,Two.\nEve,Three.\n"
    script = write(tmp_path, a_csv=table) / "a.csv"
    loaded = read_dropped(script, script.name, settings, unpacked=tmp_path / "x", copies=None)
    where = tmp_path / "voices"
    assert [
        (
            'a.csv row 2: "Eve" (and 1 more line) is neither a speaker of this bundle nor a voice; the voice '
            f"library ({where}) has Ada. Add a speaker of that name, or the name to someone's aliases"
        )
    ] == faults_of(loaded)


def test_two_rows_of_one_id_are_reported_once(tmp_path: Path) -> None:
    """Under a speaker's name and its alias; another speaker may have the same id."""
    manifest = f'[script]\nfile = "a.csv"\n{SPEAKERS}'
    table = "id,speaker,text\n1,Bob,One.\n1,Mara,Two.\n1,Robert,Three.\n"
    loaded = read_bundle(bundle(tmp_path / "NAME", manifest, a_csv=table), "NAME")
    assert ['a.csv row 4: "1" occurs twice; the other is a.csv row 2'] == faults_of(loaded)


def test_all_faults_of_script_and_voices_come_together(tmp_path: Path) -> None:
    """A bad time, a voice without its transcript, a text that is too long."""
    settings = voices(tmp_path / "voices", "Ada")
    (tmp_path / "voices" / "Ada" / "reference.txt").unlink()
    long = "x" * 2001
    cues = f"1\n00:00:05,000 --> 00:00:01,000\nADA: One.\n\n2\n00:00:06,000 --> 00:00:07,000\nADA: {long}\n"
    script = write(tmp_path, a_srt=cues) / "a.srt"
    loaded = read_dropped(script, script.name, settings, unpacked=tmp_path / "x", copies=None)
    assert [
        "a.srt:2 (cue 1): ends at 00:00:01,000, which is not after its start at 00:00:05,000",
        f"{tmp_path / 'voices'}/Ada/reference.txt: is missing",
        "a.srt:6 (cue 2): is 2,001 characters long, 2,000 is the most; split it into several segments",
    ] == faults_of(loaded)


def test_clips_that_are_encoded_at_the_end_are_spoken_as_wav(tmp_path: Path) -> None:
    """The worker's file and the delivered one differ, and both are known from the start."""
    manifest = (
        f'[output]\nformat = "ogg"\nloudness = -16\n[script]\nfile = "a.srt"\nspeaker = "Bob"\n{SPEAKERS}'
    )
    job = job_of(read_bundle(bundle(tmp_path / "NAME", manifest, a_srt=SRT), "NAME"))
    segment = job.speakers[0].segments[0]
    assert ("clips/Mara/001.ogg", "clips/Mara/001.wav") == (segment.clip, segment.take_clip)
    assert DeliverySettings(format="ogg", loudness=-16.0) == job.delivery


def test_a_cast_member_without_a_line_is_a_warning(tmp_path: Path) -> None:
    """Perhaps a name is misspelt."""
    manifest = f'[script]\nfile = "a.txt"\nspeaker = "Bob"\n{SPEAKERS}'
    loaded = read_bundle(bundle(tmp_path / "NAME", manifest, a_txt="One line.\n"), "NAME")
    assert ["speakers[0]: has no line in the script"] == [str(w) for w in loaded.warnings]
    assert ["Bob"] == [speaker.name for speaker in job_of(loaded).speakers]
