"""Finding and reading config.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.core.config.config import BadConfig
from fishd.host.config_file import commented_defaults, load_config
from tests.shell.cli import ROOT


def fault_of(path: Path) -> str:
    with pytest.raises(BadConfig) as caught:
        load_config(path, {})
    return str(caught.value)


def test_a_given_file_is_read_and_is_the_source(tmp_path: Path) -> None:
    """Paths in it are relative to its folder."""
    path = tmp_path / "my.toml"
    path.write_text("[pool]\nmax_takes = 5")
    config = load_config(path, {})

    assert (5, path, tmp_path / "spool") == (config.pool.max_takes, config.source, config.spool.root)


def test_without_a_path_the_file_in_the_current_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So `fishd run` needs no --config in a folder made by `fishd init`."""
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text("[pool]\nmax_takes = 5")

    assert 5 == load_config(None, {}).pool.max_takes


def test_without_any_file_the_defaults_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables still override them."""
    monkeypatch.chdir(tmp_path)

    assert 4 == load_config(None, {"FISHD_POOL_MAX_TAKES": "4"}).pool.max_takes


def test_a_given_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    """The message explains how to create one."""
    path = tmp_path / "no.toml"

    assert f"{path}: is not there; `fishd init` writes one with every key explained" == fault_of(path)


def test_a_folder_instead_of_a_file_is_a_fault(tmp_path: Path) -> None:
    """The message has the system's reason."""
    assert f"{tmp_path}: cannot be read: Is a directory" == fault_of(tmp_path)


def test_text_that_is_not_utf8_is_a_fault_with_its_line(tmp_path: Path) -> None:
    """Line 2 is Latin-1."""
    path = tmp_path / "config.toml"
    path.write_bytes(b"[spool]\nroot = 'f\xfcr'\n")

    assert f"{path}:2: is not UTF-8 text; save the file as UTF-8" == fault_of(path)


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    """Windows editors write them."""
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[pool]\r\nmax_takes = 7\r\n")

    assert 7 == load_config(path, {}).pool.max_takes


def test_the_packaged_configuration_equals_the_projects_config_toml() -> None:
    """`fishd init` writes it."""
    assert (ROOT / "config.toml").read_text("utf-8") == commented_defaults()
