"""From the text of config.toml to a Config: defaults, values, paths, the engine's name."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from fishd.core.config.config import Config, OutputConfig, PoolConfig, resolve_engine
from fishd.core.config.keys import RULES
from fishd.core.config.parse import parse_config
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.model.limits import Limits

SHIPPED = Path(__file__).parents[2] / "config.toml"


def config_of(text: str, path: str = "/etc/fishd/config.toml", **environ: str) -> Config:
    return parse_config(text, path, environ)


def test_an_empty_file_gives_the_documented_defaults() -> None:
    """Every key is optional."""
    config = config_of("")

    assert (2.0, 300.0, 30.0, 30) == (
        config.spool.settle_s,
        config.spool.settle_timeout_s,
        config.spool.rescan_s,
        config.spool.archive_days,
    )
    assert PoolConfig("local", "auto", 8.0, 0.9, {}, "auto", 600.0, 3, 60.0) == config.pool
    assert ("auto", None, "bfloat16", {}) == (
        config.engine.name,
        config.engine.checkpoint,
        config.engine.precision,
        config.engine.options,
    )
    assert OutputConfig(DeliverySettings("wav", None, -1.0, None, "flac", 1.25, 0.5, 0.35)) == config.output
    assert (Path("/etc/fishd/voices"), "", {}, ()) == (
        config.voices.root,
        config.voices.default,
        config.pronounce,
        config.hooks.published,
    )
    assert ("info", None, "auto", "rich", None) == (
        config.log.level,
        config.log.file,
        config.log.color,
        config.log.format,
        config.metrics.textfile,
    )
    assert Limits() == config.limits


def test_every_key_has_a_rule_and_a_default() -> None:
    """The table of rules and the dataclasses name the same sections and keys."""
    sections = {section.name: section.default_factory for section in fields(Config)}
    del sections["source"], sections["pronounce"]  # which has any keys
    sections["output"] = DeliverySettings
    keys = {name: [key.name for key in fields(made)] for name, made in sections.items()}
    keys["output"] += [key.name for key in fields(OutputConfig) if key.name != "delivery"]

    assert keys == {name: list(rules) for name, rules in RULES.items()}


def test_the_shipped_file_holds_every_key_at_its_default() -> None:
    """The top-level config.toml documents every key and changes none."""
    text = SHIPPED.read_text("utf-8")

    documented = {name: set(keys) for name, keys in tomllib.loads(text).items()}
    documented["output"].add("tracks")  # whose default depends on the job
    assert "# tracks = " in text
    assert {name: set(rules) for name, rules in RULES.items()} | {"pronounce": set()} == documented
    assert config_of("") == config_of(text)


def test_values_replace_defaults() -> None:
    """A whole number becomes a float where a float is expected."""
    pool = config_of(
        '[pool]\nmodel_memory_gb = 6\nmultiprocess = true\nworkers_per_gpu = { "0" = 2, "1" = 0 }'
    ).pool

    assert (6.0, float, True, {0: 2, 1: 0}) == (
        pool.model_memory_gb,
        type(pool.model_memory_gb),
        pool.multiprocess,
        pool.workers_per_gpu,
    )


def test_paths_are_relative_to_the_file() -> None:
    """Not to the working directory of the daemon."""
    config = config_of(
        '[spool]\nroot = "jobs"\n[engine]\ncheckpoint = "/models/s1"\n[log]\nfile = "../fishd.log"'
    )

    assert Path("/etc/fishd/jobs") == config.spool.root
    assert Path("/models/s1") == config.engine.checkpoint
    assert Path("/etc/fishd/../fishd.log") == config.log.file


def test_the_default_spool_is_beside_the_file() -> None:
    """The default path is relative to the file too."""
    assert Path("/etc/fishd/spool") == config_of("").spool.root


def test_a_tilde_is_the_users_home() -> None:
    """As in a shell."""
    assert Path("/home/ann/spool") == config_of('[spool]\nroot = "~/spool"', HOME="/home/ann").spool.root


@pytest.mark.parametrize(
    ("engine", "resolved"),
    [
        ("", ("preview", "fishd.engines.preview:factory")),
        ('checkpoint = "s1"', ("fish", "fishd.engines.fish:factory")),
        ('name = "preview"\ncheckpoint = "s1"', ("preview", "fishd.engines.preview:factory")),
        ('name = "fish"\ncheckpoint = "s1"', ("fish", "fishd.engines.fish:factory")),
        ('name = "openai"', ("openai", "fishd.engines.openai:factory")),
        ('name = "openai"\ncheckpoint = "s1"', ("openai", "fishd.engines.openai:factory")),
        ('name = "my.engine:make"', ("my.engine:make", "my.engine:make")),
    ],
)
def test_the_engine_is_resolved(engine: str, resolved: tuple[str, str]) -> None:
    """ "auto" is fish if there is a checkpoint, else preview; a name with a colon is its own factory."""
    assert resolved == resolve_engine(config_of(f"[engine]\n{engine}"))
