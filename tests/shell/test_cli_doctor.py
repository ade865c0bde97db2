"""What `fishd doctor` reports of the voice library, the audio formats and the hook."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.daemon.bundles import make_voice
from tests.shell.cli import NOOP_CONFIG, WITHOUT_ROOT_RIGHTS, Ended, fishd, on_a_terminal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a voice library of one voice."""
    make_voice(tmp_path / "voices" / "mara")
    return tmp_path


def doctor(folder: Path, config: str = "", env: dict[str, str] | None = None) -> Ended:
    (folder / "config.toml").write_text(NOOP_CONFIG + config)
    return fishd("doctor", cwd=folder, env=env)


def without_av(folder: Path) -> dict[str, str]:
    """An environment in which PyAV cannot be imported."""
    (folder / "modules").mkdir()
    (folder / "modules" / "av.py").write_text('raise ImportError("libavcodec.so: cannot open")\n')
    return {"PYTHONPATH": f"{folder / 'modules'}:{Path(__file__).parents[2]}"}


def test_a_sound_library_and_hook_are_reported_in_a_line_each(folder: Path) -> None:
    """A hook without a slash is searched for in PATH."""
    ended = doctor(folder, '[voices]\ndefault = "Mara"\n[hooks]\npublished = ["true", "{path}"]\n')

    assert 0 == ended.returncode, ended.stdout
    assert f"✓ Voices: 1 voice in {folder}/voices\n" in ended.stdout
    assert f"✓ Hook: {shutil.which('true')}\n" in ended.stdout


def test_a_missing_library_is_a_fault_only_where_it_is_needed(folder: Path) -> None:
    """That is where a default voice is named."""
    shutil.rmtree(folder / "voices")
    unused, needed = doctor(folder), doctor(folder, '[voices]\ndefault = "mara"\n')

    assert 0 == unused.returncode
    assert f"✓ Voices: {folder}/voices has no voices (`fishd voices add`)\n" in unused.stdout
    assert 1 == needed.returncode
    fault = (
        f'✗ Voices: voices.default is "mara"; {folder}/voices has no voices -> `fishd voices add mara CLIP`'
    )
    assert fault in needed.stdout


def test_every_fault_of_a_voice_is_reported(folder: Path) -> None:
    """Its clips are decoded; a fault of the default voice's name has the names that there are."""
    (folder / "voices" / "mara" / "reference.txt").unlink()
    (folder / "voices" / "mara" / "reference.wav").write_bytes(b"RIFF")
    ended = doctor(folder, '[voices]\ndefault = "tom"\n')

    assert 1 == ended.returncode
    assert f"✗ Voices: {folder}/voices/mara/reference.txt: is missing -> see `fishd voices`\n" in ended.stdout
    assert f"✗ Voices: {folder}/voices/mara/reference.wav: not audio that can be read" in ended.stdout
    assert f'voices.default is "tom"; the voice library ({folder}/voices) has mara -> ' in ended.stdout
    assert ended.stdout.endswith("\n3 faults\n")


def test_a_library_that_cannot_be_read_is_a_fault(folder: Path) -> None:
    """Permissions apply to root here, too."""
    (folder / "config.toml").write_text(NOOP_CONFIG)
    (folder / "voices").chmod(0)
    ended = fishd("doctor", cwd=folder, wrapper=WITHOUT_ROOT_RIGHTS)

    assert 1 == ended.returncode
    fault = f"✗ Voices: {folder}/voices: cannot be read by fishd; give it read permission (chmod a+rX)\n"
    assert fault in ended.stdout


@pytest.mark.parametrize(
    ("key", "name"), [("format", "opus"), ("format", "mp3"), ("track_format", "m4b"), ("track_format", "mp3")]
)
def test_a_format_without_pyav_is_a_fault(key: str, name: str, folder: Path) -> None:
    """The fault has the key, what the import said, and the command that installs it."""
    ended = doctor(folder, f'[output]\n{key} = "{name}"\n', without_av(folder))

    assert 1 == ended.returncode
    assert (
        f'✗ Formats: output.{key} is "{name}", but PyAV cannot be imported '
        "(ImportError: libavcodec.so: cannot open) -> pip install 'fishd[formats]'\n"
    ) in ended.stdout


def test_without_pyav_other_formats_are_no_fault(folder: Path) -> None:
    """The line has what cannot be written, and how it could."""
    ended = doctor(folder, env=without_av(folder))

    assert 0 == ended.returncode
    assert "✓ Formats: wav, flac, ogg; not opus, mp3, m4b, which need: pip install" in ended.stdout


@pytest.mark.parametrize(
    ("hook", "mark", "fault"),
    [
        ("no-such-program", "✗", "no-such-program is not in PATH -> write its full path"),
        ("/no/such/program", "✗", "/no/such/program does not exist -> correct hooks.published"),
        ("/tmp", "✗", "/tmp is not a file -> correct hooks.published"),
        ("./config.toml", "✗", "./config.toml is not executable -> chmod +x ./config.toml"),
        ("./hook.sh", "!", "./hook.sh is relative to the folder in which the daemon is started -> write"),
    ],
)
def test_a_hook_that_cannot_be_run_is_reported(hook: str, mark: str, fault: str, folder: Path) -> None:
    """A relative path is a warning: a service starts elsewhere."""
    (folder / "hook.sh").write_text("#!/bin/sh\n")
    (folder / "hook.sh").chmod(0o755)
    ended = doctor(folder, f'[hooks]\npublished = ["{hook}", "{{path}}"]\n')

    assert (1 if mark == "✗" else 0) == ended.returncode
    assert f"{mark} Hook: {fault}" in ended.stdout


def test_findings_fit_a_terminal(folder: Path) -> None:
    """Wrapped, with the fix below."""
    (folder / "config.toml").write_text(NOOP_CONFIG + '[hooks]\npublished = ["/no/such/program"]\n')
    shown = on_a_terminal("doctor", cwd=folder, env={"NO_COLOR": "1"})

    assert "  → correct hooks.published" in shown.replace("\x1b[0m", "")
