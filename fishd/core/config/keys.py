"""Every key of config.toml with what its value must be. The defaults stand in `config.py`'s dataclasses."""

from __future__ import annotations

from dataclasses import fields

from fishd.core.config import rules as schema
from fishd.core.model.limits import Limits

OUTPUT_FORMATS = ("wav",)
MAX_WORKERS = 1024  # on one device; above it a slip of the finger is likelier than a wish


def _limit(name: str, default: object) -> schema.Rule:
    """A limit's rule follows from its name's unit and its default's type."""
    if isinstance(default, float):
        return _SECONDS
    unit = next((f" of {unit}" for unit in ("bytes", "chars") if name.endswith(f"_{unit}")), "")
    return schema.whole(
        f"a whole number{unit.replace('chars', 'characters')}, 1 or more", least=1, most=2**53
    )


_SECONDS = schema.number("a number of seconds above 0", above=0)
_SECONDS_OR_NONE = schema.number("a number of seconds, 0 or more", least=0)
RULES: dict[str, dict[str, schema.Rule]] = {
    "spool": {
        "root": schema.needed_text("the path of a folder"),
        "settle_s": _SECONDS_OR_NONE,
        "settle_timeout_s": _SECONDS,
        "rescan_s": _SECONDS,
        "archive_days": schema.whole("a whole number of days, 0 or more", least=0, most=36_500),
    },
    "pool": {
        "multiprocess": schema.yes_no_auto(),
        "model_memory_gb": schema.number("a number of GB, 0.1 or more", least=0.1),
        "usable_fraction": schema.number("a number above 0, at most 1", above=0, most=1),
        "workers_per_gpu": schema.card_counts(
            'a table of card numbers and their workers, such as { "0" = 2, "1" = 3 }', most=MAX_WORKERS
        ),
        "cpu_workers": schema.whole_or_auto(
            f'"auto" or a whole number from 1 to {MAX_WORKERS}', least=1, most=MAX_WORKERS
        ),
        "take_timeout_s": _SECONDS,
        "max_takes": schema.whole("a whole number from 1 to 100", least=1, most=100),
        "drain_s": _SECONDS_OR_NONE,
        "start_timeout_s": _SECONDS,
        "cpu_memory_gb": schema.number("a number of GB, 0 (no limit) or more", least=0),
    },
    "engine": {
        "name": schema.matching(
            r"auto|fish|preview|[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*",
            '"auto", "fish", "preview" or the "package.module:factory" of an engine of your own',
        ),
        "checkpoint": schema.text("the path of a folder, or empty for none"),
        "precision": schema.one_of("bfloat16", "float16", "float32"),
        "options": schema.table("a table of the engine's own options, such as { temperature = 0.7 }"),
    },
    "output": {"format": schema.one_of(*OUTPUT_FORMATS), "reuse": schema.yes_no()},
    "log": {
        "level": schema.one_of("debug", "info", "warning", "error"),
        "file": schema.text("the path of a file, or empty for none"),
        "color": schema.one_of("auto", "always", "never"),
        "format": schema.one_of("rich", "plain", "json"),
    },
    "metrics": {"textfile": schema.text("the path of a file, or empty for none")},
    "limits": {limit.name: _limit(limit.name, limit.default) for limit in fields(Limits)},
}
