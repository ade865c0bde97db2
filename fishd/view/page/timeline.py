"""A picture of the whole job: for each speaker a row, in it a bar for each line, as paths of an SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fishd.core.text.humanize import clock
from fishd.view.page.lines import Line, LineState

WIDTH = 1000.0  # of the picture, in its own units; it is stretched to the page
_LEAST = 0.8  # of a bar, so that it can be seen; of one that must not be missed:
_LEAST_FAULTY = 3.0
_MERGED = 0.3  # a gap that nobody sees: 20,000 bars become at most some thousand
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Timeline:
    """`rows` maps a speaker's number to a path of bars by state; `ticks` are the axis, from its start."""

    rows: dict[int, dict[LineState, str]]
    ticks: tuple[str, ...]


@dataclass(slots=True)
class _Bars:
    """Bars of one row and state, from left to right; near ones are joined."""

    bars: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def add(self, begin: float, end: float) -> None:
        if self.bars and begin - self.bars[-1][1] < _MERGED:
            begin, last = self.bars.pop()
            end = max(end, last)
        self.bars.append((begin, end))

    def path(self) -> str:
        """Horizontal strokes on the row's middle."""
        return "".join(f"M{begin:.1f} 8h{end - begin:.1f}" for begin, end in self.bars)


def timeline(found: Sequence[Line]) -> Timeline:
    """Of all lines, in their order; the last that ends is the right edge."""
    whole_s = max((line.start_s + line.seconds for line in found), default=0.0)
    scale = WIDTH / whole_s if whole_s else 0.0
    rows: dict[int, dict[LineState, _Bars]] = {}
    for line in sorted(found, key=lambda line: line.start_s):
        if line.speaker is not None:
            least = _LEAST if line.state is LineState.DONE else _LEAST_FAULTY
            begin = min(line.start_s * scale, WIDTH - least)
            bars = rows.setdefault(line.speaker, {}).setdefault(line.state, _Bars())
            bars.add(begin, min(begin + max(line.seconds * scale, least), WIDTH))
    return Timeline(
        {speaker: {state: bars.path() for state, bars in _drawn(row)} for speaker, row in rows.items()},
        tuple(clock(whole_s * n / _TICKS) for n in range(_TICKS + 1)),
    )


def _drawn(row: dict[LineState, _Bars]) -> Iterable[tuple[LineState, _Bars]]:
    """What must be seen is drawn last, above the others."""
    return [(state, row[state]) for state in LineState if state in row]
