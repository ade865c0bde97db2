"""A subtitle file with the shape of a real episode: 45 minutes, 600 cues of 3 voices."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate

SPEAKERS = ("Mara", "Oscar", "Edith")  # voices of inbox_example/episode
CUES, MINUTES = 600, 45
_SHARES = (0.45, 0.35, 0.2)  # of the lines, by speaker
_CHARS_A_SECOND = (14.5, 2.5)  # that a cue shows: mean and deviation
_SHORTEST_S, _LONGEST_S = 1.0, 7.0
_OPENERS = (
    *("I told them that", "She wrote down that", "He never believed that", "Nobody knew that"),
    *("You said that", "We only heard later that", "The harbour office says that", "It turned out that"),
    *("My father always said that", "I am quite sure that", "If you ask me,", "Listen,", "Well,", "No,"),
    *("All I know is that", "They must have noticed that", "On the radio they said that", "At first"),
)
_CLAUSES = (
    *("the ferry had left without us", "there was a light on the island", "the storm would turn north"),
    *("nobody had locked the door", "the old map was wrong", "we could still reach the bridge"),
    *("the money was gone by then", "somebody had cut the rope", "it was only a matter of time"),
    *("the doctor was on her way", "the whole village was awake", "he had taken the early train"),
    *("the letters were never sent", "we should wait for the tide", "the engine was still warm"),
    *("her brother sold the house", "the key was under the stone", "the water was rising"),
)
_TAILS = (
    *(
        "",
        "",
        "",
        "",
        "",
        "",
        " and that was the end of it",
        " before anybody could stop them",
        " just after midnight",
    ),
    *(" as far as I remember", " and nobody asked why", " whatever the others say"),
)
_SHORT = (
    *("Yes.", "Not yet.", "Who is there?", "Come in.", "What do you mean?", "I see.", "Where is she now?"),
    *("Thank you.", "Wait for me!", "Are you sure?", "Let us go home.", "That is impossible."),
)
_SOUNDS = ("[door slams]", "[thunder]", "♪ music ♪", "[telephone rings]")


@dataclass(frozen=True, slots=True)
class _Cue:
    text: str
    duration_s: float
    gap_s: float  # before it; negative: it interrupts the cue before it


def make_srt(seed: int) -> str:
    """About 3 % of the cues are sounds, 4 % have two speakers, 2 % interrupt the cue before them."""
    random_ = random.Random(seed)
    cues = _cues(random_)
    spare_s = MINUTES * 60 - sum(cue.duration_s + cue.gap_s for cue in cues)
    breaks = sorted(random_.sample(range(1, CUES), 40))  # between scenes
    weights = dict(zip(breaks, (random_.uniform(0.3, 2) for _ in breaks), strict=True))
    extra_s = [spare_s * weights.get(n, 0.0) / sum(weights.values()) for n in range(CUES)]
    ends = accumulate(cue.gap_s + cue.duration_s + extra for cue, extra in zip(cues, extra_s, strict=True))
    return "\n".join(
        f"{n}\n{_time(end - cue.duration_s)} --> {_time(end)}\n{cue.text}\n"
        for n, (cue, end) in enumerate(zip(cues, ends, strict=True), 1)
    )


def _cues(random_: random.Random) -> list[_Cue]:
    cues: list[_Cue] = []
    speaker = SPEAKERS[0]
    for n in range(CUES):
        if random_.random() < 0.7:
            speaker = random_.choices(SPEAKERS, _SHARES)[0]
        kind = random_.random()
        text = _spoken(random_)
        if kind < 0.03:
            shown = text = random_.choice(_SOUNDS)
        elif kind < 0.07:
            other, answer = random_.choice([name for name in SPEAKERS if name != speaker]), _spoken(random_)
            shown, text = f"- {speaker.upper()}: {text}\n- {other.upper()}: {answer}", text + answer
        else:
            shown = f"{speaker.upper()}: {text}"
        wanted_s = len(text) / max(9.0, random_.gauss(*_CHARS_A_SECOND))
        cues.append(_Cue(shown, min(_LONGEST_S, max(_SHORTEST_S, wanted_s)), _gap(random_) if n else 0.5))
    return cues


def _spoken(random_: random.Random) -> str:
    if random_.random() < 0.35:
        return random_.choice(_SHORT)
    text = f"{random_.choice(_OPENERS)} {random_.choice(_CLAUSES)}{random_.choice(_TAILS)}"
    return text + random_.choice((".", ".", ".", "!", "?"))


def _gap(random_: random.Random) -> float:
    kind = random_.random()
    if kind < 0.02:
        return -0.4
    return random_.uniform(0.083, 0.25) if kind < 0.72 else random_.uniform(0.25, 2.0)


def _time(seconds: float) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"
