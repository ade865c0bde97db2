"""A bundle that is dropped again: unchanged lines reuse their clips, if the clips are genuine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fishd.spool.names import base_name
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger, running_daemon

LINES = {"Ada": ["One.", "Two.", "Three."]}


def spoken_again(
    daemon: DaemonProcess, folder: Path, lines: dict[str, list[str]], **manifest: Any
) -> list[str]:
    """Drop a bundle `show` of these lines; the texts that the engine spoke for it."""
    ledger = daemon.folder / "ledger"
    before = read_ledger(ledger)
    number = len(list((daemon.spool / "outbox").iterdir())) + 1
    daemon.drop(make_bundle(folder / str(number) / "show", lines, **manifest))
    result = daemon.wait_for_result("show" if number == 1 else f"show-{number}")
    assert "done" == result["status"]
    assert sum(map(len, lines.values())) == result["totals"]["done"]
    return sorted((read_ledger(ledger) - before).elements())


def test_only_changed_lines_are_spoken(tmp_path: Path) -> None:
    """A line that moved to another place keeps its clip and seed."""
    with running_daemon(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        assert sorted(LINES["Ada"]) == spoken_again(daemon, tmp_path, LINES)
        assert ["Two, changed."] == spoken_again(
            daemon, tmp_path, {"Ada": ["Three.", "Two, changed.", "One."]}
        )
        first, second = daemon.spool / "outbox" / "show", daemon.spool / "outbox" / "show-2"
        same = [(first / "clips/Ada/001.wav"), (second / "clips/Ada/003.wav")]
        assert same[0].read_bytes() == same[1].read_bytes()
        segment = daemon.result("show-2")["speakers"][0]["segments"][0]
        assert daemon.result("show")["speakers"][0]["segments"][2]["seed"] == segment["seed"]


def test_nothing_is_reused_if_the_bundle_forbids_it_or_the_speech_would_differ(tmp_path: Path) -> None:
    """It would with other engine options or another language."""
    with running_daemon(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        spoken_again(daemon, tmp_path, LINES)
        assert sorted(LINES["Ada"]) == spoken_again(daemon, tmp_path, LINES, output={"reuse": False})
        assert sorted(LINES["Ada"]) == spoken_again(daemon, tmp_path, LINES, engine_options={"mood": "glad"})
        assert sorted(LINES["Ada"]) == spoken_again(daemon, tmp_path, LINES, language="de")
        assert [] == spoken_again(daemon, tmp_path, LINES)


def test_the_configuration_can_disable_reuse(tmp_path: Path) -> None:
    """A bundle may enable it again."""
    config = {"output": {"reuse": False}}
    with running_daemon(tmp_path / "d", config, ledger=str(tmp_path / "d" / "ledger")) as daemon:
        spoken_again(daemon, tmp_path, LINES)
        assert sorted(LINES["Ada"]) == spoken_again(daemon, tmp_path, LINES)
        assert [] == spoken_again(daemon, tmp_path, LINES, output={"reuse": True})


@pytest.mark.parametrize("change", ["other bytes", "cut", "removed", "a symlink"])
def test_a_clip_that_was_changed_in_the_outbox_is_spoken_again(tmp_path: Path, change: str) -> None:
    """Users may write to the outbox; only what fishd put there is reused."""
    with running_daemon(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        spoken_again(daemon, tmp_path, LINES)
        clip = daemon.spool / "outbox" / "show" / "clips" / "Ada" / "002.wav"
        content = clip.read_bytes()
        clip.unlink()
        match change:
            case "other bytes":
                clip.write_bytes(content[:-2] + b"xx")
            case "cut":
                clip.write_bytes(content[:100])
            case "a symlink":
                (tmp_path / "elsewhere").write_bytes(content)
                clip.symlink_to(tmp_path / "elsewhere")
            case _:
                pass
        assert ["Two."] == spoken_again(daemon, tmp_path, LINES)


def test_a_forged_result_is_not_reused(tmp_path: Path) -> None:
    """Digests are made with the spool's secret: another clip under a valid key is rejected."""
    with running_daemon(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        spoken_again(daemon, tmp_path, LINES)
        show = daemon.spool / "outbox" / "show"
        result = json.loads((show / "result.json").read_bytes())
        one, two = result["speakers"][0]["segments"][:2]
        one["clip"], one["digest"] = two["clip"], two["digest"]
        (show / "result.json").write_text(json.dumps(result))
        assert ["One."] == spoken_again(daemon, tmp_path, LINES)
    assert 0o600 == (daemon.spool / ".cache" / "reuse.secret").stat().st_mode & 0o777


@pytest.mark.parametrize("content", [b"{}", b"\xff", b"{" * 10_000])
def test_an_invalid_result_is_ignored(tmp_path: Path, content: bytes) -> None:
    """All lines are spoken again."""
    with running_daemon(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        spoken_again(daemon, tmp_path, LINES)
        (daemon.spool / "outbox" / "show" / "result.json").write_bytes(content)
        assert sorted(LINES["Ada"]) == spoken_again(daemon, tmp_path, LINES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Episode", "Episode"),
        ("Episode-2", "Episode"),
        ("Episode-retry", "Episode"),
        ("Episode-retry-3", "Episode"),
        ("-2", "-2"),
    ],
)
def test_second_drops_and_retries_have_the_base_name_of_the_first(name: str, expected: str) -> None:
    assert expected == base_name(name)
