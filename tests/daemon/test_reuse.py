"""A bundle dropped again: only what has changed is spoken, and nothing false is taken over."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fishd.spool.names import base_name
from tests.daemon.bundles import make_bundle
from tests.daemon.running import Running, running

LINES = {"Ada": ["One.", "Two.", "Three."]}


def again(daemon: Running, folder: Path, lines: dict[str, list[str]], **manifest: Any) -> list[str]:
    """Drop a bundle `show` of these lines; what the engine had to speak for it."""
    ledger = daemon.folder / "ledger"
    before = Counter(ledger.read_text().splitlines()) if ledger.exists() else Counter()
    number = len(list((daemon.spool / "outbox").iterdir())) + 1
    daemon.drop(make_bundle(folder / str(number) / "show", lines, **manifest))
    result = daemon.wait_for_result("show" if number == 1 else f"show-{number}")
    assert "done" == result["status"]
    assert sum(map(len, lines.values())) == result["totals"]["done"]
    return sorted((Counter(ledger.read_text().splitlines()) - before).elements())


def test_only_changed_lines_are_spoken(tmp_path: Path) -> None:
    """A new line, a moved one, another speaker of the same voice and text, and one gone."""
    with running(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        assert sorted(LINES["Ada"]) == again(daemon, tmp_path, LINES)
        assert ["Two, changed."] == again(daemon, tmp_path, {"Ada": ["Three.", "Two, changed.", "One."]})
        first, second = daemon.spool / "outbox" / "show", daemon.spool / "outbox" / "show-2"
        same = [(first / "clips/Ada/001.wav"), (second / "clips/Ada/003.wav")]
        assert same[0].read_bytes() == same[1].read_bytes()
        segment = daemon.result("show-2")["speakers"][0]["segments"][0]
        assert daemon.result("show")["speakers"][0]["segments"][2]["seed"] == segment["seed"]


def test_nothing_is_taken_over_where_that_is_not_wanted(tmp_path: Path) -> None:
    """By the bundle's own word, or as the engine's options are others."""
    with running(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        again(daemon, tmp_path, LINES)
        assert sorted(LINES["Ada"]) == again(daemon, tmp_path, LINES, output={"reuse": False})
        assert sorted(LINES["Ada"]) == again(daemon, tmp_path, LINES, engine_options={"mood": "glad"})
        assert sorted(LINES["Ada"]) == again(daemon, tmp_path, LINES, language="de")
        assert [] == again(daemon, tmp_path, LINES)


def test_the_configuration_can_say_no(tmp_path: Path) -> None:
    """`[output] reuse = false`; a bundle may still say yes."""
    config = {"output": {"reuse": False}}
    with running(tmp_path / "d", config, ledger=str(tmp_path / "d" / "ledger")) as daemon:
        again(daemon, tmp_path, LINES)
        assert sorted(LINES["Ada"]) == again(daemon, tmp_path, LINES)
        assert [] == again(daemon, tmp_path, LINES, output={"reuse": True})


@pytest.mark.parametrize("harm", ["other bytes", "cut", "gone", "a symlink"])
def test_a_clip_that_somebody_changed_is_spoken_anew(tmp_path: Path, harm: str) -> None:
    """The outbox is open to users; what is taken from it must be what was put there."""
    with running(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        again(daemon, tmp_path, LINES)
        clip = daemon.spool / "outbox" / "show" / "clips" / "Ada" / "002.wav"
        content = clip.read_bytes()
        clip.unlink()
        match harm:
            case "other bytes":
                clip.write_bytes(content[:-2] + b"xx")
            case "cut":
                clip.write_bytes(content[:100])
            case "a symlink":
                (tmp_path / "elsewhere").write_bytes(content)
                clip.symlink_to(tmp_path / "elsewhere")
            case _:
                pass
        assert ["Two."] == again(daemon, tmp_path, LINES)


def test_a_forged_result_is_not_believed(tmp_path: Path) -> None:
    """Digests are made with the spool's secret: another's clip under a true key is not taken."""
    with running(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        again(daemon, tmp_path, LINES)
        show = daemon.spool / "outbox" / "show"
        result = json.loads((show / "result.json").read_bytes())
        one, two = result["speakers"][0]["segments"][:2]
        one["clip"], one["digest"] = two["clip"], two["digest"]
        (show / "result.json").write_text(json.dumps(result))
        assert ["One."] == again(daemon, tmp_path, LINES)
    assert 0o600 == (daemon.spool / ".cache" / "reuse.secret").stat().st_mode & 0o777


@pytest.mark.parametrize("content", [b"{}", b"\xff", b"{" * 10_000])
def test_a_result_that_somebody_broke_is_passed_over(tmp_path: Path, content: bytes) -> None:
    """It costs only the time to speak all again."""
    with running(tmp_path / "d", ledger=str(tmp_path / "d" / "ledger")) as daemon:
        again(daemon, tmp_path, LINES)
        (daemon.spool / "outbox" / "show" / "result.json").write_bytes(content)
        assert sorted(LINES["Ada"]) == again(daemon, tmp_path, LINES)


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
def test_a_family_bears_the_first_name(name: str, expected: str) -> None:
    """What a second drop and a retry are called."""
    assert expected == base_name(name)
