"""Decibels and the ratios that they stand for."""

from __future__ import annotations

import math

FULL_SCALE = 32768.0  # of 16-bit samples


def decibels(ratio: float) -> float:
    """-inf for 0."""
    return 20.0 * math.log10(ratio) if ratio > 0 else -math.inf


def ratio(decibels: float) -> float:
    return 10.0 ** (decibels / 20.0)
