"""The faults of a config.toml, with their lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.config.config import BadConfig
from fishd.core.config.keys import FREE_SECTIONS, RULES
from fishd.core.config.parse import parse_config
from fishd.core.model.job import Fault

KNOWN_SECTIONS = ", ".join((*RULES, *FREE_SECTIONS))


def faults_of(text: str) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        parse_config(text, "config.toml", {})
    assert "\n".join(str(fault) for fault in caught.value.faults) == str(caught.value)
    return [str(fault) for fault in caught.value.faults]


def test_all_faults_are_reported_together_in_the_files_order() -> None:
    """Each with its line."""
    text = '[log]\nlevel = "loud"\n\n[pool]\n# how long\ntake_timeout_s = "abc"\nmax_takes = 0\n'

    assert [
        'config.toml:2: log.level: is "loud"; must be "debug", "info", "warning" or "error"',
        'config.toml:6: pool.take_timeout_s: is "abc"; must be a number of seconds above 0',
        "config.toml:7: pool.max_takes: is 0; must be a whole number from 1 to 100",
    ] == faults_of(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a = \nb", "config.toml:1:5: is not valid TOML: invalid value"),
        (
            "[pool]\nmax_takes 3",
            "config.toml:2:11: is not valid TOML: expected '=' after a key in a key/value pair",
        ),
        ("[pool", "config.toml:1:6: is not valid TOML: expected ']' at the end of a table declaration"),
        ('[log]\nfile = """abc', "config.toml:2:14: is not valid TOML: unterminated string"),
        ("", None),
    ],
)
def test_a_syntax_error_has_line_and_column(text: str, fault: str | None) -> None:
    """As file:line:column, which editors can jump to."""
    if fault is None:
        assert parse_config(text, "config.toml", {})
    else:
        assert [fault] == faults_of(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[pol]\nx = 1", "config.toml:1: pol: is not a known section; did you mean pool?"),
        (
            "[weather]",
            f"config.toml:1: weather: is not a known section; known are {KNOWN_SECTIONS}",
        ),
        ("[pool]\nmax_take = 3", "config.toml:2: pool.max_take: is not a known key; did you mean max_takes?"),
        ("[log]\nmax_takes = 3", "config.toml:2: log.max_takes: is not a known key; it belongs in [pool]"),
        (
            "[log]\nzzz = 3",
            "config.toml:2: log.zzz: is not a known key; known are level, file, color, format",
        ),
        (
            "max_takes = 3",
            "config.toml:1: max_takes: is not a known section; it belongs in [pool]",
        ),
        ("pool = 3", "config.toml:1: pool: is 3; must be a section, written [pool]"),
        (
            "[[pool]]\nmax_takes = 3",
            "config.toml:1: pool: is [{ max_takes = 3 }]; must be a section, written [pool]",
        ),
    ],
)
def test_a_misplaced_or_misspelt_name_is_reported_with_the_likeliest_fix(text: str, fault: str) -> None:
    """Of a section or a key."""
    assert [fault] == faults_of(text)


@pytest.mark.parametrize(
    ("section", "line", "must"),
    [
        ("spool", 'root = ""', "the path of a folder"),
        ("spool", "root = 3", "the path of a folder"),
        ("spool", 'root = "a\\u0000b"', "the path of a folder"),
        ("spool", "settle_s = -0.1", "a number of seconds, 0 or more"),
        ("spool", "rescan_s = 0", "a number of seconds above 0"),
        ("spool", "rescan_s = inf", "a number of seconds above 0"),
        ("spool", "rescan_s = nan", "a number of seconds above 0"),
        ("spool", "rescan_s = true", "a number of seconds above 0"),
        ("spool", "archive_days = 1.5", "a whole number of days from 0 to 36500"),
        ("pool", 'multiprocess = "true"', 'true or false, or "auto"'),
        ("pool", "multiprocess = 1", 'true or false, or "auto"'),
        ("pool", "model_memory_gb = 0", "a number of GB, 0.1 or more"),
        ("pool", "usable_fraction = 0", "a number above 0, at most 1"),
        ("pool", "usable_fraction = 1.01", "a number above 0, at most 1"),
        ("pool", "max_takes = true", "a whole number from 1 to 100"),
        ("pool", "max_takes = 3.0", "a whole number from 1 to 100"),
        ("pool", "cpu_workers = 0", 'a whole number from 1 to 1024, or "auto"'),
        ("pool", 'cpu_workers = "all"', 'a whole number from 1 to 1024, or "auto"'),
        ("pool", 'workers_per_gpu = { "x" = 1 }', "a table of GPU numbers"),
        ("pool", 'workers_per_gpu = { "0" = -1 }', "a table of GPU numbers"),
        ("pool", 'workers_per_gpu = { "0" = 1, "00" = 2 }', "a table of GPU numbers"),
        ("pool", "workers_per_gpu = [2, 3]", "a table of GPU numbers"),
        ("engine", 'name = "foo"', '"auto", "fish", "preview", "openai" or the "package.module:factory"'),
        ("engine", 'name = "a:b:c"', '"auto", "fish", "preview", "openai" or the "package.module:factory"'),
        ("engine", 'precision = "int8"', '"bfloat16", "float16" or "float32"'),
        ("engine", 'options = "x"', "a table such as { temperature = 0.7 }"),
        ("engine", "options = { seed = 0xffffffffffffffff }", "a table such as { temperature = 0.7 }"),
        ("engine", "options = { day = 1979-05-27 }", "a table such as { temperature = 0.7 }"),
        ("output", 'format = "aiff"', '"wav", "flac", "ogg", "opus" or "mp3"'),
        ("log", 'color = "yes"', '"auto", "always" or "never"'),
        ("log", 'format = "xml"', '"rich", "plain" or "json"'),
        ("limits", "segments = 0", "a whole number, 1 or more"),
        ("limits", "max_bytes = 1.5", "a whole number of bytes, 1 or more"),
        ("limits", "min_reference_s = 0", "a number of seconds above 0"),
        ("metrics", "textfile = 3", "the path of a file, or empty for none"),
    ],
)
def test_a_value_out_of_its_range_or_type_is_refused(section: str, line: str, must: str) -> None:
    """The fault has its place, the value and what it must be."""
    (fault,) = faults_of(f"[{section}]\n{line}")

    assert fault.startswith(f"config.toml:2: {section}.{line.partition(' = ')[0]}: is ")
    assert f"; must be {must}" in fault


def test_a_fish_engine_needs_a_checkpoint() -> None:
    """If it is configured by name; "auto" has a fallback."""
    needs = "the fish engine needs the folder with config.json, model.pth and codec.pth"

    assert [f"config.toml:1: engine.checkpoint: is empty; {needs}"] == faults_of('[engine]\nname = "fish"')


def test_the_settle_timeout_must_not_be_below_the_settle_time() -> None:
    """Otherwise every bundle without .ready would be rejected."""
    assert ["config.toml:3: spool.settle_timeout_s: is 5; must not be below spool.settle_s, 10"] == faults_of(
        "[spool]\nsettle_s = 10\nsettle_timeout_s = 5"
    )


def test_the_shortest_reference_must_not_be_above_the_longest() -> None:
    """Otherwise every bundle would be rejected."""
    assert [
        "config.toml:2: limits.min_reference_s: is 700; must not be above limits.max_reference_s, 600"
    ] == faults_of("[limits]\nmin_reference_s = 700")


def test_a_long_value_is_cut_in_the_fault() -> None:
    """A pasted text does not fill the log."""
    (fault,) = faults_of(f'[log]\nlevel = "{"x" * 500}"')

    assert len(fault) < 200


@given(st.text(alphabet="[]{}=.,#\"'\\n 0x1e9-_poltaks\\u00e4", max_size=60))
def test_any_text_is_a_configuration_or_faults(text: str) -> None:
    """Each fault with its place; there is no other exception."""
    faults: tuple[Fault, ...] = ()
    try:
        parse_config(text, "config.toml", {})
    except BadConfig as bad:
        faults = bad.faults

    assert all(fault.where.startswith("config.toml") and fault.what for fault in faults)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"[pool]\nmax_takes = {'9' * 5000}", "config.toml: is not valid TOML: Exceeds the limit"),
        (f"x = {'[' * 5000}", "config.toml: is not valid TOML: it is nested too deeply"),
        (f"[pool]\nmax_takes = 0x{'f' * 5000}", "config.toml:2: pool.max_takes: is a huge number; must be"),
    ],
    ids=["decimal", "nested", "hexadecimal"],
)
def test_values_that_python_cannot_parse_or_format_are_faults(text: str, fault: str) -> None:
    """A running daemon survives the reload of such a file."""
    assert faults_of(text)[0].startswith(fault)
