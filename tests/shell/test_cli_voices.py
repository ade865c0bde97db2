"""`fishd voices` and `fishd voices add`, as processes."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.daemon.bundles import RATE, make_voice, tone
from tests.shell.cli import NOOP_CONFIG, Ended, command, environ, fishd, on_a_terminal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a configuration, a clip and its transcript; no voice library yet."""
    (tmp_path / "config.toml").write_text(NOOP_CONFIG)
    record(tmp_path / "mara.wav", 12.0)
    (tmp_path / "mara.txt").write_text("A tone\nof twelve seconds.")
    return tmp_path


def record(clip: Path, seconds: float) -> Path:
    soundfile.write(clip, tone(seconds), RATE)
    return clip


def add(folder: Path, *arguments: object) -> Ended:
    return fishd("voices", "add", *arguments, cwd=folder)


def voices(folder: Path) -> Ended:
    return fishd("voices", cwd=folder)


def rows(ended: Ended) -> list[str]:
    return [" ".join(row.split()) for row in ended.stdout.splitlines()]


def files(folder: Path) -> list[str]:
    """Everything below the library's folder, hidden files too."""
    root = folder / "voices"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_an_added_voice_is_listed(folder: Path) -> None:
    """The transcript comes from the file beside the clip, on one line; stdout has the name for scripts."""
    added = add(folder, "Mara", "mara.wav")
    listed = voices(folder)

    assert (0, "Mara\n") == (added.returncode, added.stdout)
    assert f"fishd: Mara is in the voice library, {folder}/voices (12.0 s)\n" == added.stderr
    assert ["Mara/reference.txt", "Mara/reference.wav"] == files(folder)
    assert (folder / "mara.wav").read_bytes() == (folder / "voices/Mara/reference.wav").read_bytes()
    assert (0, "") == (listed.returncode, listed.stderr)
    assert f"1 voice in {folder}/voices" == rows(listed)[0]
    assert "✓ Mara – 12.0 s A tone of twelve seconds." in rows(listed)


def test_an_added_voice_can_be_used(folder: Path) -> None:
    """By its name or an alias, in a script that is dropped alone."""
    add(folder, "Mara", "mara.wav", "--alias", "MARA (V.O.)", "--language", "en-GB")
    (folder / "play.fountain").write_text("INT. SHIP\n\nMARA (V.O.)\nHello.\n")
    checked = fishd("check", "play.fountain", cwd=folder)

    assert 0 == checked.returncode, checked.stdout
    assert "Mara Mara (library) 12.0 s en-GB 1" in rows(checked)


@pytest.mark.parametrize("option", [("--transcript", "Hello there."), ("--transcript-file", "said.md")])
def test_a_transcript_can_be_given(option: tuple[str, str], folder: Path) -> None:
    """As text or as any file; it comes before the file beside the clip."""
    (folder / "said.md").write_text("Hello there.")
    add(folder, "Mara", "mara.wav", *option)

    assert "Hello there.\n" == (folder / "voices/Mara/reference.txt").read_text()


def test_what_cannot_be_added_leaves_nothing(folder: Path) -> None:
    """Each fault names the thing and the fix."""
    (folder / "noise.wav").write_bytes(os.urandom(40_000))
    record(folder / "blip.wav", 0.3)
    shutil.copy(folder / "mara.wav", folder / "untold.wav")
    make_voice(folder / "voices" / "Tom")
    (folder / "voices" / "empty.txt").write_text("")
    before = files(folder)
    refused = (
        (2, ["tom", "mara.wav"], "tom: is in the voice library already; --replace replaces it"),
        (2, [" ", "mara.wav"], "the voice's name is empty"),
        (2, ["a/b", "mara.wav"], "a/b: cannot be the name of a folder; choose another, and scripts find"),
        (2, ["..", "mara.wav"], "..: cannot be the name of a folder; choose another, and scripts find"),
        (2, ["Ann.part", "mara.wav"], "Ann.part: cannot be the name of a folder; choose another, and"),
        (2, ["Ann", "gone.wav", "-t", "Hi."], "gone.wav: does not exist"),
        (2, ["Ann", "voices", "-t", "Hi."], "voices: is not a file"),
        (2, ["Ann", "mara.txt", "-t", "Hi."], "mara.txt: is not named as WAV, FLAC, OGG or MP3; give"),
        (2, ["Ann", "untold.wav"], "untold.wav: has no transcript; give what is said in it by --transcript"),
        (1, ["Ann", "noise.wav", "-t", "Hi."], "noise.wav: not audio that can be read; give it as WAV,"),
        (1, ["Ann", "blip.wav", "-t", "Hi."], "blip.wav: is 0.30 s long; at least 1 s of speech are needed"),
        (1, ["Ann", "mara.wav", "-t", " "], "--transcript: is empty"),
        (1, ["Ann", "mara.wav", "--transcript-file", "gone.txt"], "gone.txt: cannot be read: No such file"),
        (2, ["Ann", "mara.wav", "--alias", "TOM"], "--alias TOM: is a name of the voice Tom already"),
        (2, ["Ann", "mara.wav", "--alias", " "], "--alias: is empty"),
        (2, ["Ann", "mara.wav", "-l", "English!"], '--language is "English!"; must be a language tag such'),
        (1, ["empty.txt", "mara.wav"], f"{folder}/voices/empty.txt: exists already; choose another name,"),
    )
    for code, arguments, message in refused:
        ended = add(folder, *arguments)
        assert (code, "") == (ended.returncode, ended.stdout), arguments
        assert ended.stderr.startswith(f"fishd: {message}"), (arguments, ended.stderr)
    assert before == files(folder)


def test_a_voice_can_be_replaced(folder: Path) -> None:
    """It keeps its language and aliases, and its old clip goes."""
    add(folder, "Mara", "mara.wav", "--alias", "MARA (V.O.)", "--language", "en-GB")
    record(folder / "better.flac", 15.0)
    replaced = add(folder, "mara", "better.flac", "-t", "A better tone.", "--replace")

    assert (0, "Mara\n") == (replaced.returncode, replaced.stdout)
    assert ["Mara/reference.flac", "Mara/reference.txt", "Mara/voice.toml"] == files(folder)
    assert "✓ Mara en-GB 15.0 s A better tone." in rows(voices(folder))
    assert "Mara: MARA (V.O.)" in rows(voices(folder))


def test_one_of_two_who_add_the_same_name_gets_it(folder: Path) -> None:
    """The other is told so; the voice is whole, and of one of the two clips."""
    other = record(folder / "other.wav", 14.0)
    adding = [
        subprocess.Popen(
            command("voices", "add", "Mara", clip, "-t", clip.name),
            cwd=folder,
            env=environ(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for clip in (folder / "mara.wav", other)
    ]
    said = [process.communicate(timeout=60)[1] for process in adding]

    assert 1 == [process.returncode for process in adding].count(0)
    assert 1 == sum("already" in each for each in said)
    clip = folder / (folder / "voices/Mara/reference.txt").read_text().strip()
    assert clip.read_bytes() == (folder / "voices/Mara/reference.wav").read_bytes()
    assert ["Mara/reference.txt", "Mara/reference.wav"] == files(folder)


@pytest.mark.parametrize("killed", [False, True])
def test_a_voice_whose_copy_fails_is_not_there(folder: Path, *, killed: bool) -> None:
    """A disk that takes only a part of the clip is reported; a killed process leaves a hidden folder."""
    make_voice(folder / "voices" / "Tom")
    begin = ["import signal, sys", 'sys.argv = ["fishd", "voices", "add", "Mara", "mara.wav"]']
    if killed:
        begin.append("signal.signal(signal.SIGXFSZ, signal.SIG_DFL)")
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join([*begin, "from fishd.cli import main; main()"])],
        cwd=folder,
        env=environ(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    if killed:
        assert -signal.SIGXFSZ == ended.returncode
    else:
        assert 1 == ended.returncode
        assert f"fishd: {folder}/voices/Mara: cannot be written: File too large\n" == ended.stderr
        assert ["Tom/reference.txt", "Tom/reference.wav"] == files(folder)
    assert f"1 voice in {folder}/voices" == rows(voices(folder))[0]
    assert "Mara\n" == add(folder, "Mara", "mara.wav").stdout


def test_the_group_of_a_shared_library_can_read_every_voice(folder: Path) -> None:
    """The set-group-ID bit says that the library is shared; the umask may forbid it."""
    (folder / "voices").mkdir()
    (folder / "voices").chmod(0o2770)
    arguments = command("voices", "add", "Mara", "mara.wav")
    subprocess.run(arguments, cwd=folder, env=environ(), umask=0o077, capture_output=True, check=True)
    added = folder / "voices" / "Mara"

    assert "drwxr-s---" == stat.filemode(added.stat().st_mode)
    assert {"-rw-r-----"} == {stat.filemode(path.stat().st_mode) for path in added.iterdir()}


def test_every_fault_of_the_library_is_shown(folder: Path) -> None:
    """The good voices too; the exit code says that there are faults."""
    root = folder / "voices"
    make_voice(root / "good")
    make_voice(root / "broken")
    (root / "broken" / "reference.wav").write_bytes(b"RIFF")
    make_voice(root / "silent")
    (root / "silent" / "reference.txt").unlink()
    make_voice(root / "odd")
    (root / "odd" / "voice.toml").write_text('aliases = ["good"]\nlangauge = "en"\n')
    (root / "bare").mkdir()
    ended = voices(folder)
    listed = rows(ended)

    assert 1 == ended.returncode
    assert f"5 voices in {root}, 4 with faults" == listed[0]
    assert "✓ good – 1.5 s A tone." in listed
    faults = listed[listed.index("Faults") + 1 :]
    assert [
        "✗ bare/reference.txt: is missing",
        "✗ bare/reference.wav: is missing (.flac, .ogg and .mp3 are accepted too)",
    ] == sorted(row for row in faults if "bare" in row)
    assert any(row.startswith("✗ broken/reference.wav: not audio that can be read") for row in faults)
    assert "✗ silent/reference.txt: is missing" in faults
    assert any(row.startswith("✗ odd/voice.toml: langauge: ") for row in faults)
    assert '! odd: "good" is a name of the voice good too, which is used for it' in faults


def test_without_a_library_it_says_how_to_begin(folder: Path) -> None:
    """No fault: scripts alone need it, bundles do not."""
    ended = voices(folder)

    assert (0, "") == (ended.returncode, ended.stdout)
    assert f"fishd: the voice library, {folder}/voices, does not exist yet" in ended.stderr
    assert "`fishd voices add NAME CLIP --transcript TEXT`" in ended.stderr


def test_a_library_that_is_a_file_is_refused(folder: Path) -> None:
    """In both commands, with the key to set."""
    (folder / "voices").write_text("")
    for ended in (voices(folder), add(folder, "Mara", "mara.wav")):
        assert 2 == ended.returncode
        assert (
            f"fishd: {folder}/voices: is not a folder; set [voices] root in config.toml to one"
            in ended.stderr
        )


def test_the_library_is_where_the_configuration_says(folder: Path) -> None:
    """--config is understood before and after `add`, and paths are from its folder."""
    (folder / "other").mkdir()
    (folder / "other" / "fishd.toml").write_text(f'{NOOP_CONFIG}[voices]\nroot = "cast"\ndefault = "mara"\n')
    for name, arguments in (
        ("Mara", ("voices", "add", "Mara", "mara.wav", "--config", "other/fishd.toml")),
        ("Tom", ("voices", "--config", "other/fishd.toml", "add", "Tom", "mara.wav")),
    ):
        assert f"{name}\n" == fishd(*arguments, cwd=folder).stdout
    listed = rows(fishd("voices", "-c", "other/fishd.toml", cwd=folder))

    assert f"2 voices in {folder}/other/cast" == listed[0]
    assert "✓ Mara (default) – 12.0 s A tone of twelve seconds." in listed


def test_every_row_fits_a_terminal(folder: Path) -> None:
    """Long names and transcripts are cut, in columns of any script."""
    (make_voice(folder / "voices" / ("名" * 40)) / "reference.txt").write_text("春眠不觉晓" * 40)
    (make_voice(folder / "voices" / "long") / "voice.toml").write_text('language = "zh-Hans-CN"')
    shown = on_a_terminal("voices", cwd=folder)

    assert "\x1b[36m✓ long" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    rows_shown = plain.splitlines()[1:]  # the first names the folder
    assert max(len(row) + sum("\u2e80" < char < "\uffa0" for char in row) for row in rows_shown) <= 80
