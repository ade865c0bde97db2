"""What a listener made of a take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hearing:
    """The words, and how far they and the voice agree: None where that cannot be judged.

    `unheard` says why nobody listened to the take, which was accepted without: "" if somebody did.
    """

    text: str = ""
    wer: float | None = None
    similarity: float | None = None
    unheard: str = ""
