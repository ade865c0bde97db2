"""init, check --config, plan, doctor and status where no daemon runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.shell.cli import ROOT, fishd, on_a_terminal

ESCAPE = "\x1b["


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder as `fishd init` leaves it, with an engine that loads at once."""
    assert 0 == fishd("init", tmp_path, cwd=tmp_path).returncode
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace('name = "auto"', 'name = "tests.engines.noop:factory"', 1))
    return tmp_path


def test_init_writes_the_explained_configuration_and_the_spool(tmp_path: Path) -> None:
    """Word for word the file at the top of the project; the paths go to stdout."""
    said = fishd("init", "studio", cwd=tmp_path)

    assert 0 == said.returncode
    assert "studio/config.toml\nstudio/spool\n" == said.stdout
    assert (ROOT / "config.toml").read_text() == (tmp_path / "studio" / "config.toml").read_text()
    assert {"inbox", "work", "outbox", "archive"} == {p.name for p in (tmp_path / "studio/spool").iterdir()}


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    """A configuration that somebody wrote stays."""
    (tmp_path / "config.toml").write_text("# mine\n")
    said = fishd("init", ".", cwd=tmp_path)

    assert 2 == said.returncode
    assert "config.toml: already exists; nothing was changed" in said.stderr
    assert "# mine\n" == (tmp_path / "config.toml").read_text()
    assert not (tmp_path / "spool").exists()


def test_check_lists_what_a_configuration_changes(home: Path) -> None:
    """And what the environment changes on top."""
    said = fishd("check", "--config", home / "config.toml", cwd=home, env={"FISH_MODEL_MEMORY_GB": "6"})

    assert 0 == said.returncode
    assert 'engine.name = "tests.engines.noop:factory" (default "auto")' in said.stdout
    assert "pool.model_memory_gb = 6.0 (default 8.0)" in said.stdout


def test_check_lists_every_section_of_a_configuration(tmp_path: Path) -> None:
    """As TOML writes the values; pronunciations have no defaults."""
    changes = (
        "[output]\nloudness = -16\ntracks = ['mix']",
        "[pronounce]\nSQL = 'sequel'",
        "[hooks]\npublished = ['a', 'b']",
    )
    (tmp_path / "config.toml").write_text("\n".join(changes))
    said = fishd("check", cwd=tmp_path)

    assert [
        "✓ config.toml: ok, 4 keys changed",
        '    output.loudness = -16.0 (default "off")',
        '    output.tracks = ["mix"] (default not set)',
        '    pronounce.SQL = "sequel"',
        '    hooks.published = ["a", "b"] (default [])',
    ] == said.stdout.splitlines()


def test_check_reports_every_fault_of_a_configuration(tmp_path: Path) -> None:
    """With line and key, and exit code 2."""
    (tmp_path / "bad.toml").write_text("[pool]\nmax_takes = 0\ncpu_wrokers = 2\n")
    said = fishd("check", "--config", "bad.toml", cwd=tmp_path)

    assert 2 == said.returncode
    assert "bad.toml:2: pool.max_takes: is 0; must be a whole number from 1 to 100" in said.stderr
    assert "bad.toml:3: pool.cpu_wrokers: is not a known key; did you mean cpu_workers?" in said.stderr


def test_a_configuration_that_is_named_must_exist(tmp_path: Path) -> None:
    """Every command that takes --config reports it."""
    for name in ("status", "plan", "doctor", "check"):
        said = fishd(name, "--config", "no.toml", cwd=tmp_path)
        assert ("no.toml: is not there" in said.stdout + said.stderr, said.returncode in (1, 2)) == (
            True,
            True,
        )


def test_plan_prints_the_exact_log_lines_for_described_gpus(tmp_path: Path) -> None:
    """The issue's own example."""
    said = fishd("plan", "--gpu", "RTX 4090:24", "--model-memory", "6", cwd=tmp_path)

    assert 0 == said.returncode
    assert [
        "[GPU 0] RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Can run 3 workers (Available: 21.60 GB)",
        "[Main] Using 3 parallel workers across 1 GPU(s)",
        "[Main] GPU 0: 3 workers",
    ] == said.stdout.splitlines()[:4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--gpu", "RTX 4090"), "write NAME:GB"),
        (("--gpu", "RTX 4090:x"), "must be a number of GB"),
        (("--model-memory", "0"), "must be a number of GB, 0.1 or more"),
    ],
)
def test_plan_refuses_an_invalid_gpu_or_budget(
    arguments: tuple[str, str], words: str, tmp_path: Path
) -> None:
    """With a message and exit code 2."""
    said = fishd("plan", *arguments, cwd=tmp_path)

    assert (2, True) == (said.returncode, words in said.stderr)


def test_status_says_that_no_daemon_has_run(home: Path) -> None:
    """As a message with exit code 1, or as complete JSON."""
    said = fishd("status", cwd=home)
    told = json.loads(fishd("status", "--json", cwd=home).stdout)

    assert (1, "") == (said.returncode, said.stdout)
    assert "no daemon has run here" in said.stderr
    assert ("stopped", [], []) == (told["state"], told["jobs"], told["workers"])
    assert "no daemon has run here" in told["trouble"]


def test_a_command_outside_of_any_spool_says_how_to_find_one(tmp_path: Path) -> None:
    """With the fix, and exit code 2."""
    for arguments in (
        ("status",),
        ("submit", ROOT / "inbox_example/two-voices"),
        ("reload",),
        ("cancel", "x"),
    ):
        said = fishd(*arguments, cwd=tmp_path)
        assert 2 == said.returncode
        assert (
            "does not exist; name the configuration with --config, or create a spool with `fishd init DIR`"
            in (said.stderr)
        )


def test_reload_and_cancel_say_that_no_daemon_runs(home: Path) -> None:
    """Or that there is no such job."""
    reload, cancel = fishd("reload", cwd=home), fishd("cancel", "x", cwd=home)

    assert (1, True) == (reload.returncode, "no daemon is running" in reload.stderr)
    assert (1, True) == (cancel.returncode, "x: no such job" in cancel.stderr)


def test_doctor_finds_no_fault(home: Path) -> None:
    """One line for each check; the engine is really loaded."""
    said = fishd("doctor", cwd=home)

    assert 0 == said.returncode
    for name in ("fishd", "Configuration", "Spool", "Renames", "Watch", "Disk", "Daemon", "GPU", "Engine"):
        assert f" {name}: " in said.stdout
    assert "noop on CPU" in said.stdout
    assert "No faults" in said.stdout


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('[engine]\nname = "no_such:factory"', "No module named 'no_such'"),
        ('[engine]\nname = "fishd.core.text.humanize:clock"', "check engine.name and engine.options"),
        ("[pool]\nmax_takes = 0", "must be a whole number from 1 to 100"),
        (
            '[engine]\nname = "tests.engines.noop:factory"\noptions = { load = "kill" }',
            "tests.engines.noop:factory: cannot be loaded: the process was killed by SIGKILL",
        ),
        (
            '[engine]\nname = "tests.engines.noop:factory"\noptions = { load = "out of memory" }',
            "close what else uses the GPU",
        ),
    ],
)
def test_doctor_names_each_fault_and_its_fix(section: str, words: str, home: Path) -> None:
    """With exit code 1, whatever an engine does to its process."""
    (home / "config.toml").write_text(section)
    said = fishd("doctor", cwd=home)

    assert 1 == said.returncode
    assert words in said.stdout
    assert said.stdout.endswith("\n1 fault\n")


def test_doctor_accepts_a_spool_whose_folders_are_missing(home: Path) -> None:
    """The daemon creates them; what needs them is not checked."""
    shutil.rmtree(home / "spool" / "inbox")
    said = fishd("doctor", cwd=home)

    assert 0 == said.returncode
    assert f"! Spool: {home}/spool has no inbox yet -> the daemon creates them" in said.stdout
    assert "Renames" not in said.stdout


@pytest.mark.parametrize("command", ["doctor", "calibrate"])
def test_checking_the_engine_creates_no_spool(command: str, tmp_path: Path) -> None:
    """Where there is none, the engine's cache is in a temporary folder."""
    (tmp_path / "config.toml").write_text('[engine]\nname = "preview"\n')

    assert 0 == fishd(command, cwd=tmp_path).returncode
    assert ["config.toml"] == [path.name for path in tmp_path.iterdir()]


def test_doctor_sees_a_spool_that_is_a_file(home: Path) -> None:
    """A fault of the spool does not stop the other checks."""
    shutil.rmtree(home / "spool")
    (home / "spool").write_text("")
    said = fishd("doctor", cwd=home)

    assert 1 == said.returncode
    assert "spool is a file, not a folder" in said.stdout
    assert " Engine: " in said.stdout


def test_colour_is_for_terminals_only(home: Path) -> None:
    """And not with NO_COLOR."""
    piped = fishd("check", cwd=home).stdout
    shown = on_a_terminal("check", cwd=home)
    uncoloured = on_a_terminal("check", cwd=home, env={"NO_COLOR": "1"})

    assert (False, True) == (ESCAPE in piped, ESCAPE + "1;32m" in shown)
    assert "32m" not in uncoloured
