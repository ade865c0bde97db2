"""What the keys of [quality] change, observed at one part of fishd."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import tomli_w

from fishd.core.config.config import BadConfig
from fishd.core.dispatch.actions import ListenToTake
from fishd.core.quality.voice_check import check_voice
from fishd.core.quality.words.check import check_words
from fishd.daemon.listening.take_listening import listen_request
from fishd.host.config_file import load_config
from fishd.wire.listen import Listen
from tests.core.dispatcher_driver import make_clip, make_job
from tests.daemon.config_effects import config_of
from tests.daemon.daemon_effects import Settings


def faults_of_the_configuration(settings: Settings, folder: Path) -> list[str]:
    """Those that reading the file finds."""
    path = folder / "config.toml"
    path.write_text(tomli_w.dumps(settings), encoding="utf-8")
    try:
        load_config(path, os.environ)
    except BadConfig as error:
        return [fault.what.replace(f"{folder}/", "") for fault in error.faults]
    return []


def is_a_wrong_line_faulty(settings: Settings, folder: Path) -> bool:
    """Judged as the request to the listener asks."""
    request = _request(settings, folder)
    text, heard = "We ride to the harbour at dawn.", "They walk from a village at dawn."
    return bool(check_words([text], heard, "en", request.max_wer).faults)


def is_another_voice_faulty(settings: Settings, folder: Path) -> bool:
    """A similarity of 0.5, judged as the request to the listener asks."""
    return check_voice(0.5, {}, _request(settings, folder).min_similarity) is not None


def _request(settings: Settings, folder: Path) -> Listen:
    job = replace(make_job(), quality=config_of(settings, folder).quality)
    return listen_request(ListenToTake(job, 0, 0, make_clip()), "1", folder)
