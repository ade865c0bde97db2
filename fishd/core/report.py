"""A finished job in words: summary.txt, summary.html and result.json. Pure: a Result in, text out."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import cast

import msgspec
from rich.console import Console
from rich.text import Text

from fishd.core.result import Result
from fishd.core.visible import encodable


@dataclass(frozen=True, slots=True)
class Rendered:
    """The summary twice: 80 columns of plain text, and a page of HTML that needs nothing else."""

    text: str
    html: str


def render(result: Result) -> Rendered:
    """Draw the summary once, export it twice."""
    console = Console(
        file=io.StringIO(), record=True, width=80, color_system="truecolor", force_terminal=True, _environ={}
    )
    console.print(Text(f"{result.job} {result.status}"))
    text = console.export_text(clear=False)
    return Rendered(text=text, html=console.export_html())


def result_json(result: Result) -> bytes:
    """result.json, indented, in the contract's order."""
    try:
        encoded = msgspec.json.encode(result)
    except UnicodeEncodeError:  # a name with bytes that are not UTF-8
        encoded = msgspec.json.encode(_encodable(msgspec.to_builtins(result)))
    return msgspec.json.format(encoded, indent=2) + b"\n"


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key: _encodable(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in cast("list[object]", value)]
    return value
