"""Blocks of lines, separated by empty lines as in most text formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def blocks(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, from 1, and its lines) of each block between empty lines."""
    block: list[str] = []
    number = 0
    for number, line in enumerate(lines, 1):
        if line:
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []
    if block:
        yield number + 1 - len(block), block
