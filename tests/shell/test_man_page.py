"""fishd(1), which is generated from the commands' help, and shell completion."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fishd.cli.app import app
from fishd.cli.service.man_page import completion, man_page
from tests.shell.cli import environ, fishd

COMMANDS = ("run", "submit", "status", "logs", "cancel", "retry", "check", "plan", "init", "reload", "doctor")


def rendered(tmp_path: Path) -> str:
    """The page as `man` shows it in 100 columns."""
    if shutil.which("man") is None:
        pytest.skip("man is not installed (Debian: man-db)")
    page = tmp_path / "fishd.1"
    page.write_text(man_page(typer.main.get_command(app)))
    shown = subprocess.run(
        ["man", "--warnings", "--local-file", str(page)],
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANOPT": "--no-hyphenation"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stderr == ""
    return shown.stdout


def test_the_manual_renders_without_a_warning_and_names_every_command(tmp_path: Path) -> None:
    """It has sections of exit codes, files and examples."""
    page = rendered(tmp_path)
    for name in (*COMMANDS, "voices", "voices add", "service install", "service uninstall"):
        assert f"   fishd {name} " in page
    for section in (
        "SYNOPSIS",
        "CONFIGURATION",
        "SIGNALS",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "EXAMPLES",
    ):
        assert f"\n{section}\n" in page
    assert "--model-memory GB" in page
    assert "Another daemon owns the spool." in page


def test_the_manual_has_the_texts_of_the_help(tmp_path: Path) -> None:
    """A paragraph about `fishd reload` is in both."""
    page = " ".join(rendered(tmp_path).split())
    help_text = fishd("reload", "--help", cwd=tmp_path).stdout
    paragraph = " ".join(help_text.split("Options:")[0].split("\n\n")[2].split())
    assert paragraph
    assert paragraph in page


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_completion(shell: str) -> None:
    """The script calls fishd."""
    assert f"_FISHD_COMPLETE=complete_{shell}" in completion(shell)


def test_completion_offers_commands(tmp_path: Path) -> None:
    """bash completes `fishd st`."""
    request = {"_FISHD_COMPLETE": "complete_bash", "COMP_WORDS": "fishd st", "COMP_CWORD": "1"}
    as_script = "import sys; sys.argv = ['fishd']; from fishd.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", as_script],
        env=environ(request),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.stdout.split() == ["status"]
