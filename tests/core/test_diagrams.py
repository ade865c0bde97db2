"""docs/architecture.md shows the state machines of the code."""

from __future__ import annotations

from tests.core.diagrams import PAGE, diagrams, with_diagrams


def test_the_diagrams_on_the_page_are_those_of_the_code() -> None:
    """`python -m tests.core.diagrams` writes them after a change of a table."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_diagrams(page) == page


def test_a_diagram_shows_each_move_and_both_ends() -> None:
    """From the first state to the final ones."""
    worker = diagrams()["worker"]
    assert "    [*] --> starting\n" in worker
    assert "    ready --> draining: drain\n" in worker
    assert "    gone --> [*]\n" in worker
