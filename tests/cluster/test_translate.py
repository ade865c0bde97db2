"""How files in messages are named on their way to a node."""

from __future__ import annotations

from pathlib import PurePath

from fishd.cluster.translate import (
    file_name,
    reference_name,
    references,
    with_absolute_checkpoint,
    with_cache_folder,
    with_clip,
    with_references,
)
from fishd.wire.messages import CancelTake, Inspect, Load, Speak


def speak(clip: str = "/out/007.flac", references: tuple[str, ...] = ("/r/a.wav", "/r/b.mp3")) -> Speak:
    return Speak("1", "key", references, "Words.", "en", "Text.", "en", 7, 9.0, clip, {"mood": "calm"})


def test_a_message_names_its_reference_clips() -> None:
    """Messages without files name none."""
    assert ("/r/a.wav", "/r/b.mp3") == references(speak())
    assert ("/r/a.wav",) == references(Inspect("1", "/r/a.wav"))
    assert () == references(CancelTake("1"))


def test_reference_clips_are_renamed_and_all_else_stays() -> None:
    """Each of them by the same rule."""
    renamed = with_references(speak(), lambda path: f"/there/{file_name(path)}")
    assert speak(references=("/there/a.wav", "/there/b.mp3")) == renamed
    inspect = Inspect("1", "/r/a.wav", 2.0, 30.0, 40.0)
    assert Inspect("1", "a.wav", 2.0, 30.0, 40.0) == with_references(inspect, file_name)
    assert CancelTake("1") == with_references(CancelTake("1"), file_name)


def test_the_clip_is_renamed_and_all_else_stays() -> None:
    """A message without a take has none."""
    assert speak(clip="007.flac") == with_clip(speak(), file_name)
    assert CancelTake("1") == with_clip(CancelTake("1"), file_name)


def test_a_reference_is_named_by_its_content_and_keeps_its_suffix() -> None:
    """Whatever the rest of its name is."""
    assert "abc.wav" == reference_name("abc", "/bundle/Ada's clip.WAV")
    assert "abc" == reference_name("abc", "/bundle/clip")


def test_an_engine_gets_the_nodes_folder_for_its_cache() -> None:
    """Only if it is given a folder at all."""
    assert {"cache_dir": "/node", "x": 1} == with_cache_folder(
        Load(0, "e:f", "cpu", {"cache_dir": "/daemon", "x": 1}), "/node"
    ).options
    load = Load(0, "e:f", "cpu", {"x": 1})
    assert load == with_cache_folder(load, "/node")


def test_a_relative_checkpoint_is_sent_with_its_full_path() -> None:
    """A node has another working folder; an absolute path and none at all stay."""
    sent = [
        with_absolute_checkpoint(Load(0, "e:f", "cpu", {"checkpoint": given}), PurePath("/daemon")).options
        for given in ("models/s1", "/models/s1", "")
    ]
    assert [{"checkpoint": path} for path in ("/daemon/models/s1", "/models/s1", "")] == sent
