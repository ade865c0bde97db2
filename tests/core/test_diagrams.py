"""The page that newcomers read shows the states that the code has."""

from __future__ import annotations

from tests.core.diagrams import PAGE, diagrams, with_diagrams


def test_the_pages_diagrams_are_those_of_the_code() -> None:
    """After a change of a table: `python -m tests.core.diagrams`."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_diagrams(page) == page


def test_a_diagram_shows_each_move_and_both_ends() -> None:
    """From the first state to the last."""
    worker = diagrams()["worker"]
    assert "    [*] --> starting\n" in worker
    assert "    ready --> draining: drain\n" in worker
    assert "    gone --> [*]\n" in worker
