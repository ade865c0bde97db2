"""The state diagrams in docs/architecture.md, generated from the tables in the code.

`python -m tests.core.diagrams` writes them into the page, between their markers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from fishd.core.dispatch.segment_state import SEGMENT_MOVES, SegmentState
from fishd.core.dispatch.worker_state import WORKER_MOVES, WorkerState

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
CAPTIONS = {
    "worker": "A worker (`WORKER_MOVES` in `core/dispatch/worker_state.py`):",
    "segment": "A segment (`SEGMENT_MOVES` in `core/dispatch/segment_state.py`):",
}


def diagram(moves: Mapping[tuple[StrEnum, str], StrEnum], first: StrEnum) -> str:
    """A table of moves, (state, step) -> state, as a mermaid state diagram."""
    lasting = {state for state, _ in moves}
    lines = [f"    [*] --> {_name(first)}"]
    lines += [f"    {_name(state)} --> {_name(to)}: {step}" for (state, step), to in moves.items()]
    lines += [f"    {_name(to)} --> [*]" for to in dict.fromkeys(moves.values()) if to not in lasting]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def diagrams() -> dict[str, str]:
    """All diagrams, by the name of their marker."""
    return {
        "worker": diagram(WORKER_MOVES, WorkerState.STARTING),
        "segment": diagram(SEGMENT_MOVES, SegmentState.WAITING),
    }


def with_diagrams(page: str) -> str:
    """The page with each diagram between its two markers."""
    for name, generated in diagrams().items():
        begin, end = f"<!-- {name} states -->", f"<!-- end of {name} states -->"
        block = f"{begin}\n\n{CAPTIONS[name]}\n\n{generated}\n\n{end}"
        pattern = rf"{re.escape(begin)}(?:.*?{re.escape(end)})?"
        page, count = re.subn(pattern, lambda _, block=block: block, page, count=1, flags=re.DOTALL)
        if count == 0:
            raise ValueError(f"{PAGE.name} has no {begin}")
    return page


def _name(state: StrEnum) -> str:
    return state.value.replace(" ", "_")


if __name__ == "__main__":
    PAGE.write_text(with_diagrams(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
