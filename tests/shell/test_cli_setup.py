"""Commands without a running daemon: `init`, `check --config`, `plan`, `doctor`, `status`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.shell.cli import ROOT, fishd, on_a_terminal

ESCAPE = "\x1b["


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder made by `fishd init`, with the no-op engine."""
    assert 0 == fishd("init", tmp_path, cwd=tmp_path).returncode
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace('name = "auto"', 'name = "tests.engines.noop:factory"', 1))
    return tmp_path


def test_init_writes_the_explained_configuration_and_the_spool(tmp_path: Path) -> None:
    """The file is a copy of the project's config.toml; the paths are printed to stdout."""
    ended = fishd("init", "studio", cwd=tmp_path)

    assert 0 == ended.returncode
    assert "studio/config.toml\nstudio/spool\n" == ended.stdout
    assert (ROOT / "config.toml").read_text() == (tmp_path / "studio" / "config.toml").read_text()
    assert {"inbox", "work", "outbox", "archive"} == {p.name for p in (tmp_path / "studio/spool").iterdir()}


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    """An existing configuration is an error."""
    (tmp_path / "config.toml").write_text("# existing\n")
    ended = fishd("init", ".", cwd=tmp_path)

    assert 2 == ended.returncode
    assert "config.toml: already exists; nothing was changed" in ended.stderr
    assert "# existing\n" == (tmp_path / "config.toml").read_text()
    assert not (tmp_path / "spool").exists()


def test_check_lists_the_changed_values_of_a_configuration(home: Path) -> None:
    """Those that the environment changes are listed too."""
    ended = fishd("check", "--config", home / "config.toml", cwd=home, env={"FISH_MODEL_MEMORY_GB": "6"})

    assert 0 == ended.returncode
    assert 'engine.name = "tests.engines.noop:factory" (default "auto")' in ended.stdout
    assert "pool.model_memory_gb = 6.0 (default 8.0)" in ended.stdout


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
    """Each has its line and key; the exit code is 2."""
    (tmp_path / "bad.toml").write_text("[pool]\nmax_takes = 0\ncpu_wrokers = 2\n")
    ended = fishd("check", "--config", "bad.toml", cwd=tmp_path)

    assert 2 == ended.returncode
    assert "bad.toml:2: pool.max_takes: is 0; must be a whole number from 1 to 100" in ended.stderr
    assert "bad.toml:3: pool.cpu_wrokers: is not a known key; did you mean cpu_workers?" in ended.stderr


def test_a_configuration_given_with_config_must_exist(tmp_path: Path) -> None:
    """Every command that reads one reports it."""
    for name in ("status", "plan", "doctor", "check"):
        ended = fishd(name, "--config", "no.toml", cwd=tmp_path)
        assert ("no.toml: is not there" in ended.stdout + ended.stderr, ended.returncode in (1, 2)) == (
            True,
            True,
        )


def test_plan_prints_the_exact_log_lines_for_described_gpus(tmp_path: Path) -> None:
    """They are the example of the contract."""
    ended = fishd("plan", "--gpu", "RTX 4090:24", "--model-memory", "6", cwd=tmp_path)

    assert 0 == ended.returncode
    assert [
        "[GPU 0] RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Can run 3 workers (Available: 21.60 GB)",
        "[Main] Using 3 parallel workers across 1 GPU(s)",
        "[Main] GPU 0: 3 workers",
    ] == ended.stdout.splitlines()[:4]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--gpu", "RTX 4090"), "write NAME:GB"),
        (("--gpu", "RTX 4090:x"), "must be a number of GB"),
        (("--model-memory", "0"), "must be a number of GB, 0.1 or more"),
    ],
)
def test_plan_refuses_an_invalid_gpu_or_budget(
    arguments: tuple[str, str], expected: str, tmp_path: Path
) -> None:
    """The exit code is 2."""
    ended = fishd("plan", *arguments, cwd=tmp_path)

    assert (2, True) == (ended.returncode, expected in ended.stderr)


def test_status_says_that_no_daemon_has_run(home: Path) -> None:
    """It is a message with exit code 1, or JSON with every key."""
    ended = fishd("status", cwd=home)
    status = json.loads(fishd("status", "--json", cwd=home).stdout)

    assert (1, "") == (ended.returncode, ended.stdout)
    assert "no daemon has run here" in ended.stderr
    assert ("stopped", [], []) == (status["state"], status["jobs"], status["workers"])
    assert "no daemon has run here" in status["trouble"]


def test_commands_without_a_spool_explain_how_to_name_or_create_one(tmp_path: Path) -> None:
    """The exit code is 2."""
    for arguments in (
        ("status",),
        ("submit", ROOT / "inbox_example/two-voices"),
        ("reload",),
        ("cancel", "x"),
    ):
        ended = fishd(*arguments, cwd=tmp_path)
        assert 2 == ended.returncode
        assert (
            "does not exist; name the configuration with --config, or create a spool with `fishd init DIR`"
            in (ended.stderr)
        )


def test_reload_and_cancel_report_that_no_daemon_runs(home: Path) -> None:
    """An unknown job is reported too."""
    reload, cancel = fishd("reload", cwd=home), fishd("cancel", "x", cwd=home)

    assert (1, True) == (reload.returncode, "no daemon is running" in reload.stderr)
    assert (1, True) == (cancel.returncode, "x: no such job" in cancel.stderr)


def test_doctor_finds_no_fault(home: Path) -> None:
    """Each check prints one line; the engine is loaded."""
    ended = fishd("doctor", cwd=home)

    assert 0 == ended.returncode
    for name in ("fishd", "Configuration", "Spool", "Renames", "Watch", "Disk", "Daemon", "GPU", "Engine"):
        assert f" {name}: " in ended.stdout
    assert "noop on CPU" in ended.stdout
    assert "No faults" in ended.stdout


@pytest.mark.parametrize(
    ("section", "expected"),
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
def test_doctor_reports_each_fault_with_its_fix(section: str, expected: str, home: Path) -> None:
    """The exit code is 1, even if the engine kills its process."""
    (home / "config.toml").write_text(section)
    ended = fishd("doctor", cwd=home)

    assert 1 == ended.returncode
    assert expected in ended.stdout
    assert ended.stdout.endswith("\n1 fault\n")


def test_doctor_accepts_a_spool_whose_folders_are_missing(home: Path) -> None:
    """The daemon creates them; checks that need them are left out."""
    shutil.rmtree(home / "spool" / "inbox")
    ended = fishd("doctor", cwd=home)

    assert 0 == ended.returncode
    assert f"! Spool: {home}/spool has no inbox yet -> the daemon creates them" in ended.stdout
    assert "Renames" not in ended.stdout


@pytest.mark.parametrize("command", ["doctor", "calibrate"])
def test_loading_the_engine_creates_no_spool(command: str, tmp_path: Path) -> None:
    """The engine's cache is then in a temporary folder."""
    (tmp_path / "config.toml").write_text('[engine]\nname = "preview"\n')

    assert 0 == fishd(command, cwd=tmp_path).returncode
    assert ["config.toml"] == [path.name for path in tmp_path.iterdir()]


def test_doctor_reports_a_spool_that_is_a_file(home: Path) -> None:
    """The other checks are made too."""
    shutil.rmtree(home / "spool")
    (home / "spool").write_text("")
    ended = fishd("doctor", cwd=home)

    assert 1 == ended.returncode
    assert "spool is a file, not a folder" in ended.stdout
    assert " Engine: " in ended.stdout


def test_output_is_coloured_only_on_a_terminal(home: Path) -> None:
    """NO_COLOR disables colours there too."""
    piped = fishd("check", cwd=home).stdout
    shown = on_a_terminal("check", cwd=home)
    uncoloured = on_a_terminal("check", cwd=home, env={"NO_COLOR": "1"})

    assert (False, True) == (ESCAPE in piped, ESCAPE + "1;32m" in shown)
    assert "32m" not in uncoloured
