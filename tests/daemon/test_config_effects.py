"""Every key of config.toml has an effect that changes with its value."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fishd.core.config.keys import FREE_SECTIONS, RULES
from fishd.core.model.limits import MIB
from tests.daemon import config_effects, daemon_effects, output_effects, quality_effects
from tests.daemon.daemon_process import NOOP
from tests.shell import scripts
from tests.shell.bundles import one_speaker, write_bundle

Observe = Callable[[daemon_effects.Settings, Path], object]
BOOK = scripts.epub({"1.xhtml": scripts.page("<p>One.</p>")})
LINES = '[{ text = "One." }, { text = "Two two." }]'


def bundle(**keys: str) -> Observe:
    """The faults of a bundle of one speaker with these TOML values."""
    return config_effects.faults_of(lambda path: write_bundle(path, one_speaker(**keys)))


def nested(path: Path) -> None:
    write_bundle(path, one_speaker()).joinpath("a", "b", "c").mkdir(parents=True)


def zipped(path: Path) -> None:
    """An archive of some kilobytes that holds 17 MiB of zeros."""
    folder = write_bundle(path.with_name("unzipped"), one_speaker())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
        archive.writestr("zeros", bytes(17 * MIB))


# Each key: the observation, and two values with what is observed for them.
EFFECTS: dict[str, tuple[Observe, tuple[Any, Any], tuple[Any, Any]]] = {
    "spool.root": (daemon_effects.spools_in, ("one", ["one"]), ("two", ["two"])),
    "spool.settle_s": (daemon_effects.is_claimed_at_once, (0.0, True), (250.0, False)),
    "spool.settle_timeout_s": (
        daemon_effects.reason_to_give_up,
        (0.05, "stayed incomplete for 0.05 s"),
        (0.1, "stayed incomplete for 0.1 s"),
    ),
    "spool.rescan_s": (config_effects.is_scanned_often, (0.005, True), (1000.0, False)),
    "spool.archive_days": (daemon_effects.is_kept_in_the_archive, (0, False), (1, True)),
    "pool.multiprocess": (config_effects.workers_on_gpus, (True, [2, 2]), (False, [1, 0])),
    "pool.model_memory_gb": (config_effects.workers_on_gpus, (8.0, [2, 2]), (6.0, [3, 3])),
    "pool.usable_fraction": (config_effects.workers_on_gpus, (0.9, [2, 2]), (0.5, [1, 1])),
    "pool.workers_per_gpu": (config_effects.workers_on_gpus, ({"1": 0}, [2, 0]), ({"0": 5}, [5, 2])),
    "pool.cpu_workers": (config_effects.workers_on_cpu, (1, 1), (3, 3)),
    "pool.cpu_memory_gb": (config_effects.is_replaced_at_three_gb, (2.0, True), (4.0, False)),
    "pool.start_timeout_s": (config_effects.start_timeout_of, (5.0, 5.0), (50.0, 50.0)),
    "pool.take_timeout_s": (config_effects.take_timeout_of, (5.0, 5.0), (50.0, 50.0)),
    "pool.drain_s": (config_effects.drain_timeout_of, (5.0, 5.0), (50.0, 50.0)),
    "pool.max_takes": (config_effects.takes_of_a_failing_line, (1, 1), (4, 4)),
    "pool.backend": (config_effects.pool_of, ("local", "Pool"), ("ray", "RayPool")),
    "ray.address": (
        config_effects.fault_of_the_cluster,
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("127.0.0.1:2", "127.0.0.1:2"),
    ),
    "engine.name": (config_effects.engine_loaded, ("preview", "fishd.engines.preview:factory"), (NOOP, NOOP)),
    "engine.checkpoint": (
        config_effects.engine_loaded,
        ("", "fishd.engines.preview:factory"),
        ("s1-mini", "fishd.engines.fish:factory"),
    ),
    "engine.precision": (
        config_effects.option_loaded("precision"),
        ("bfloat16", "bfloat16"),
        ("float32", "float32"),
    ),
    "engine.options": (config_effects.option_loaded("temperature"), ({}, None), ({"temperature": 0.7}, 0.7)),
    "output.format": (daemon_effects.clips_of_two_drops, ("wav", (".wav", 1)), ("flac", (".flac", 1))),
    "output.loudness": (output_effects.peak_of_the_mix_db, ("off", -1), (-30.0, -26)),
    "output.peak": (output_effects.peak_of_the_mix_db, (-1.0, -1), (-6.0, -6)),
    "output.tracks": (
        output_effects.tracks_of,
        (["mix"], ["tracks/mix.flac"]),
        (["speakers"], ["tracks/Ada.flac"]),
    ),
    "output.track_format": (
        output_effects.tracks_of,
        ("flac", ["tracks/mix.flac"]),
        ("wav", ["tracks/mix.wav"]),
    ),
    "output.max_speed": (output_effects.speed_of_a_long_line, (1.0, 1.0), (1.25, 1.25)),
    "output.max_shift_s": (output_effects.start_of_a_long_line_s, (0.0, 1.0), (0.5, 0.8)),
    "output.pause_s": (output_effects.pause_between_paragraphs_s, (0.35, 0.7), (1.0, 2.0)),
    "quality.check": (daemon_effects.takes_of_a_tone, ("signal", 3), ("off", 1)),
    "quality.recogniser": (
        quality_effects.faults_of_the_configuration,
        ("", []),
        ("model", ["model is not a folder; a faster-whisper model has model.bin and tokenizer.json"]),
    ),
    "quality.max_wer": (quality_effects.is_a_wrong_line_faulty, (0.3, True), (1.0, False)),
    "quality.min_similarity": (quality_effects.is_another_voice_faulty, (0.0, False), (0.6, True)),
    "quality.keep_takes": (daemon_effects.num_kept_takes, (False, 0), (True, 3)),
    "output.reuse": (daemon_effects.clips_of_two_drops, (True, (".wav", 1)), (False, (".wav", 2))),
    "voices.root": (
        daemon_effects.speakers_of_a_lone_script("ADA: Hello."),
        ("voices", ["Ada"]),
        ("other", []),
    ),
    "voices.default": (
        daemon_effects.speakers_of_a_lone_script("Hello."),
        ("Ada", ["Ada"]),
        ("Bob", ["Bob"]),
    ),
    "pronounce": (
        config_effects.speech_of("Query SQL."),
        ({}, "Query SQL."),
        ({"SQL": "sequel"}, "Query sequel."),
    ),
    "hooks.published": (
        daemon_effects.outbox_after_a_job,
        ([], ["job"]),
        (["touch", "{path}.seen"], ["job", "job.seen"]),
    ),
    "log.level": (lambda *at: "a detail" in config_effects.logged(*at), ("debug", True), ("info", False)),
    "log.file": (config_effects.log_file_has_the_warning, ("fishd.log", True), ("", False)),
    "log.color": (lambda *at: "\x1b[1;33m" in config_effects.logged(*at), ("auto", True), ("never", False)),
    "log.format": (lambda *at: config_effects.logged(*at).startswith("{"), ("json", True), ("plain", False)),
    "metrics.textfile": (daemon_effects.metrics_are_written, ("fishd.prom", True), ("", False)),
    "limits.max_files": (bundle(), (9, []), (2, ["holds more than 2 files"])),
    "limits.max_bytes": (bundle(), (999, []), (9, ["holds 190 bytes; at most 9 bytes are allowed"])),
    "limits.max_ratio": (
        config_effects.faults_of(zipped),
        (1000, []),
        (1, ["unpacks to more than 4.0 GiB, or than 1 times its own size"]),
    ),
    "limits.max_depth": (config_effects.faults_of(nested), (3, []), (2, ["holds folders more than 2 deep"])),
    "limits.manifest_bytes": (bundle(), (999, []), (9, ["is 117 bytes long; at most 9 bytes are read"])),
    "limits.text_bytes": (
        bundle(segments="", segments_file='"bob_lines.txt"'),
        (99, []),
        (9, ["bob_lines.txt is 24 bytes long; at most 9 bytes are read"]),
    ),
    "limits.text_chars": (
        bundle(),
        (9, []),
        (5, ["is 6 characters long, 5 is the most; split it into several segments"]),
    ),
    "limits.transcript_chars": (
        bundle(),
        (16, []),
        (15, ["is 16 characters long, 15 is the most; use a shorter clip"]),
    ),
    "limits.name_chars": (bundle(), (5, []), (4, ["is 5 characters long; at most 4"])),
    "limits.speakers": (
        config_effects.faults_of(write_bundle),
        (2, []),
        (1, ["there are 2; at most 1 are allowed"]),
    ),
    "limits.segments": (bundle(segments=LINES), (2, []), (1, ["has more than 1 segments; split it"])),
    "limits.references": (
        bundle(reference='["alice.wav", "bob.flac"]'),
        (2, []),
        (1, ["names 2 references; at most 1 are allowed"]),
    ),
    "limits.reference_bytes": (
        bundle(),
        (16, []),
        (15, ["alice.wav is 16 bytes long; at most 15 bytes are read"]),
    ),
    "limits.min_reference_s": (
        config_effects.faults_and_warnings_of_two_seconds,
        (2.0, []),
        (2.5, ["is 2.00 s long; at least 2.5 s of speech are needed"]),
    ),
    "limits.long_reference_s": (
        config_effects.faults_and_warnings_of_two_seconds,
        (2.0, []),
        (1.5, ["is 2 s long; 10 to 30 s work as well and load faster"]),
    ),
    "limits.max_reference_s": (
        config_effects.faults_and_warnings_of_two_seconds,
        (2.0, []),
        (1.5, ["is over 1.5 s long; 10 to 30 s work best"]),
    ),
    "limits.script_bytes": (
        config_effects.script_faults("book.epub", BOOK),
        (10_000, []),
        (9, [f"is {len(BOOK)} bytes long; at most 9 bytes are read"]),
    ),
    "limits.script_text_bytes": (
        config_effects.script_faults("lines.txt", b"One.\n\nTwo.\n"),
        (99, []),
        (9, ["is 11 bytes long; at most 9 bytes are read"]),
    ),
    "limits.script_lines": (
        config_effects.script_faults("lines.txt", b"One.\n\nTwo.\n"),
        (2, []),
        (1, ["has more than 1 lines; split it into several files"]),
    ),
    "limits.faults": (
        bundle(segments='[{ text = "" }, { text = "" }, { text = "" }]'),
        (3, ["is empty"] * 3),
        (1, ["is empty", "and 2 more like these"]),
    ),
}


def test_the_table_names_every_key() -> None:
    """A new key needs a row in it."""
    keys = {f"{section}.{key}" for section, keys in RULES.items() for key in keys}
    assert keys | set(FREE_SECTIONS) == set(EFFECTS)


@pytest.mark.parametrize("key", EFFECTS)
def test_the_effect_changes_with_the_value(tmp_path: Path, key: str) -> None:
    """The bundle, the GPUs and the events are the same; only this key differs."""
    observe, *cases = EFFECTS[key]
    section, _, name = key.partition(".")
    observed: list[object] = []
    for n, (value, _) in enumerate(cases):
        folder = tmp_path / str(n)
        folder.mkdir()
        observed.append(observe({section: {name: value} if name else value}, folder))

    assert [expected for _, expected in cases] == observed
    assert observed[0] != observed[1]
