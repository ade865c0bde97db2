"""Every key of config.toml and the rule for its value. The defaults are in config.py."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import cast

from fishd.core.delivery.settings import CLIP_FORMATS, TRACK_FORMATS, TRACKS
from fishd.core.model.limits import Limits
from fishd.core.quality.settings import CHECKS
from fishd.toml import rules
from fishd.toml.rules import Rule

MAX_WORKERS = 1024  # on one device; more is a typing error


def _gpu_counts(value: object) -> dict[int, int] | None:
    counts = rules.table_of(rules.whole(least=0, most=MAX_WORKERS), "").take(value)
    if counts is None or not all(re.fullmatch("[0-9]{1,4}", gpu) for gpu in counts):
        return None
    by_number = {int(gpu): count for gpu, count in counts.items()}
    return by_number if len(by_number) == len(counts) else None


def _is_sendable(value: object, depth: int = 3) -> bool:
    """Whether a message to a worker can carry the value, with at most `depth` nested lists and tables."""
    match value:
        case bool() | str() | float():
            return True
        case int():
            return -(2**63) <= value < 2**63
        case list() if depth:
            return all(_is_sendable(part, depth - 1) for part in cast("list[object]", value))
        case dict() if depth:
            return all(_is_sendable(part, depth - 1) for part in cast("dict[str, object]", value).values())
        case _:
            return False


def _limit(name: str, default: object) -> Rule[object]:
    """The rule of a limit, from the unit in its name and the type of its default."""
    if isinstance(default, float):
        return _SECONDS
    units = {"bytes": "bytes", "chars": "characters"}
    return rules.whole(units.get(name.rpartition("_")[2], ""), least=1)


ENGINE_OPTION: Rule[object] = Rule(
    "a string (dates too), true or false, a 64-bit number, or a list or table of these",
    lambda value: value if _is_sendable(value) else None,
)
_SECONDS = rules.number("seconds", above=0)
_SECONDS_OR_NONE = rules.number("seconds", least=0)
_FOLDER = rules.path("the path of a folder, or empty for none")
_FILE = rules.path("the path of a file, or empty for none")

OUTPUT: dict[str, Rule[object]] = {  # in job.toml too
    "format": rules.one_of(*CLIP_FORMATS),
    "loudness": rules.or_word("off", rules.number("LUFS", least=-50, most=-5)),
    "peak": rules.number("dBTP", least=-20, most=0),
    "tracks": rules.list_of(rules.one_of(*TRACKS), 'a list of "mix" and "speakers", or empty for none'),
    "track_format": rules.one_of(*TRACK_FORMATS),
    "max_speed": rules.number(least=1, most=2),
    "max_shift_s": rules.number("seconds", least=0, most=60),
    "pause_s": rules.number("seconds", least=0, most=60),
    "reuse": rules.yes_no(),
}
QUALITY: dict[str, Rule[object]] = {  # in job.toml too
    "check": rules.one_of(*CHECKS),
    "max_wer": rules.number(least=0, most=1),
    "min_similarity": rules.number(least=0, most=1, note="0: not judged"),
    "keep_takes": rules.yes_no(),
}
PRONUNCIATION: Rule[str] = rules.matching(r"(?s).{0,1000}", "a string of at most 1,000 characters")
FREE_SECTIONS: dict[str, Rule[object]] = {"pronounce": PRONUNCIATION}  # any keys; in job.toml too
RULES: dict[str, dict[str, Rule[object]]] = {
    "spool": {
        "root": rules.path("the path of a folder", may_be_empty=False),
        "settle_s": _SECONDS_OR_NONE,
        "settle_timeout_s": _SECONDS,
        "rescan_s": _SECONDS,
        "archive_days": rules.whole("days", least=0, most=36_500),
    },
    "pool": {
        "backend": rules.one_of("local", "ray"),
        "multiprocess": rules.or_word("auto", rules.yes_no()),
        "model_memory_gb": rules.number("GB", least=0.1),
        "usable_fraction": rules.number(above=0, most=1),
        "workers_per_gpu": Rule(
            'a table of GPU numbers and their workers, such as { "0" = 2, "1" = 3 }', _gpu_counts
        ),
        "cpu_workers": rules.or_word("auto", rules.whole(least=1, most=MAX_WORKERS)),
        "take_timeout_s": _SECONDS,
        "max_takes": rules.whole(least=1, most=100),
        "drain_s": _SECONDS_OR_NONE,
        "start_timeout_s": _SECONDS,
        "cpu_memory_gb": rules.number("GB", least=0, note="0: no limit"),
    },
    "ray": {
        "address": rules.matching(
            r"auto|(\[[0-9A-Fa-f:.]+\]|[^\s:/]+):[0-9]{1,5}",
            '"auto" or the "HOST:PORT" of the cluster\'s head, as printed by `ray start --head`',
        ),
    },
    "engine": {
        "name": rules.matching(
            r"auto|fish|preview|openai|[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*",
            '"auto", "fish", "preview", "openai" or the "package.module:factory" of an engine of your own',
        ),
        "checkpoint": _FOLDER,
        "precision": rules.one_of("bfloat16", "float16", "float32"),
        "options": rules.table_of(
            ENGINE_OPTION,
            f"a table such as {{ temperature = 0.7 }}, each value {ENGINE_OPTION.must}",
        ),
    },
    "output": OUTPUT,
    "quality": {"check": QUALITY["check"], "recogniser": _FOLDER, **QUALITY},
    "voices": {
        "root": rules.path("the path of a folder", may_be_empty=False),
        "default": rules.text("the name of a voice, or empty for none"),
    },
    "hooks": {
        "published": rules.list_of(
            rules.text(), 'a list of a program and its arguments, such as ["notify", "{path}"]'
        ),
    },
    "log": {
        "level": rules.one_of("debug", "info", "warning", "error"),
        "file": _FILE,
        "color": rules.one_of("auto", "always", "never"),
        "format": rules.one_of("rich", "plain", "json"),
    },
    "metrics": {"textfile": _FILE},
    "limits": {limit.name: _limit(limit.name, limit.default) for limit in fields(Limits)},
}
