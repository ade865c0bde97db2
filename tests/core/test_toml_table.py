"""The TOML reader: rules, tables, and every fault at its place."""

from __future__ import annotations

import pytest

from fishd.toml.display import dotted
from fishd.toml.rules import Rule, number, one_of, or_word, path, table_of, text, whole, yes_no
from fishd.toml.table import Faults, Table, read_sections, read_table

RULES: dict[str, Rule[object]] = {
    "name": text(),
    "gain": or_word("off", number("dB", least=-60, most=0)),
    "takes": whole(least=1, most=9),
}


def shown(faults: Faults) -> list[str]:
    return [f"{dotted(place)}: {what}" for place, what in faults]


def test_valid_values_are_kept_and_every_fault_is_reported() -> None:
    """An invalid value, a misspelt key and an unknown one, in a single pass."""
    kept, faults = read_table({"name": "a", "gain": "loud", "takse": 3, "zz": 1}, RULES, "a known key")

    assert {"name": "a"} == kept
    assert [
        'gain: is "loud"; must be a number of dB from -60 to 0, or "off"',
        "takse: is not a known key; did you mean takes?",
        "zz: is not a known key; known are name, gain, takes",
    ] == faults


def test_one_table_of_rules_serves_two_kinds_of_files() -> None:
    """A section has the same faults in a configuration and in another file."""
    content = {"output": {"gain": 3}}
    of_sections: Faults = []
    of_tables: Faults = []
    read_sections(content, {"output": RULES}, of_sections, {})
    section = Table(content, of_tables).table("output")
    assert section
    section.read(RULES)

    assert ['output.gain: is 3; must be a number of dB from -60 to 0, or "off"'] == shown(of_sections)
    assert of_sections == of_tables


def test_lists_of_tables_and_of_values_count_from_zero() -> None:
    """A fault leaves out only its entry."""
    faults: Faults = []
    top = Table({"rows": [{"files": ["a", 1]}, 2, {"files": 3}]}, faults)
    files = [row.each("files", text()) for row in top.tables("rows")]

    assert [(("rows[0].files[0]", "a"),), ()] == files
    assert [
        "rows[1]: is 2; must be a table",
        "rows[0].files[1]: is 1; must be a string",
        "rows[2].files: is 3; must be a string, or a list of them",
    ] == shown(faults)
    assert top.is_faulty("rows")


def test_a_table_with_any_keys_has_one_rule() -> None:
    """An invalid value leaves out only its key, and no key is unknown."""
    faults: Faults = []
    table = Table({"SQL": "sequel", "odd key": 3}, faults)

    assert {"SQL": "sequel"} == table.every(text())
    table.close()
    assert ['"odd key": is 3; must be a string'] == shown(faults)


def test_a_table_in_place_of_a_value_and_a_value_in_place_of_a_table_are_reported() -> None:
    """With the correct form."""
    faults: Faults = []
    top = Table({"output": 1, "speakers": {"name": "A"}}, faults)

    assert (None, ()) == (top.table("output"), top.tables("speakers"))
    assert [
        "output: is 1; must be a section, written [output]",
        'speakers: is { name = "A" }; must be a list of tables, written [[speakers]]',
    ] == shown(faults)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (text(), ["", "a\0"], [1, None, True]),
        (path("a path"), ["", "a"], ["a\0", 1]),
        (path("a path", may_be_empty=False), ["a"], ["", " "]),
        (one_of("a", "b"), ["a"], ["c", ["a"], 1]),
        (yes_no(), [True, False], [1, 0, "true"]),
        (whole(least=0), [0, 2**53], [-1, 2**53 + 1, True, 1.0, "1"]),
        (number(), [0, -1.5, 1e15], [True, float("nan"), float("inf"), 10**400, "1"]),
        (number(above=0, most=1), [0.1, 1], [0, 1.1]),
        (or_word("auto", yes_no()), ["auto", False], ["Auto", 1]),
        (table_of(whole(least=0), "counts"), [{}, {"a": 0}], [{"a": -1}, {"a": False}, [], 1]),
    ],
    ids=lambda value: value.must if isinstance(value, Rule) else "",
)
def test_a_rule_keeps_valid_values_only(rule: Rule[object], good: list[object], bad: list[object]) -> None:
    """True is not a number, 1.0 is not a whole number, and NaN is never accepted."""
    assert good == [rule.keep(value) for value in good]
    assert [None] * len(bad) == [rule.take(value) for value in bad]


@pytest.mark.parametrize(
    ("rule", "text", "value"),
    [
        (whole(least=0), " 3", 3),
        (number(), "0.5", 0.5),
        (number(), " much ", "much"),
        (yes_no(), "TRUE", True),
        (yes_no(), "0", False),
        (or_word("auto", whole(least=1)), "Auto", "auto"),
        (or_word("auto", whole(least=1)), "4", 4),
        (text(), "7", "7"),
    ],
)
def test_the_text_of_a_variable_is_converted_by_its_rule(
    rule: Rule[object], text: str, value: object
) -> None:
    """As people write values in a shell."""
    assert rule.from_text
    assert value == rule.from_text(text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": True, "b c": [1.5, "x"]}, '{ a = true, "b c" = [1.5, "x"] }'),
        ({}, "{}"),
        (16**5000, "a huge number"),
        ("x" * 500, '"' + "x" * 58 + "…"),
        ([[[[[[[[[1]]]]]]]]], "[[[[[[[[…]]]]]]]]"),
        (list(range(10**6)), "[" + ", ".join(map(str, range(21)))[:58] + "…"),
    ],
    ids=["table", "empty", "huge", "long", "deep", "million"],
)
def test_a_refused_value_is_shown_as_toml_and_cut(value: object, shown: str) -> None:
    """Whatever its size or depth."""
    with pytest.raises(ValueError, match="must be") as refused:
        Rule("x", lambda _: None).keep(value)
    assert f"is {shown}; must be x" == str(refused.value)
