"""One container for all tests in this folder; each test configures the service."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from tests.systemd.container import Container, ContainerError, booted_container, missing_requirement

SPOOL = "/var/lib/fishd/spool"
NOOP = "tests.engines.noop:factory"


class Service:
    """fishd's service in the container."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.spool = container.path(SPOOL)

    def configure(self, options: dict[str, Any] | None = None, **pool: Any) -> None:
        """Configure the no-op engine with these options, and this [pool]."""
        options = dict(options or {})
        engine = "gated_engine:factory" if "load_gate" in options else NOOP
        config = {
            "spool": {"root": SPOOL, "settle_s": 0.5, "rescan_s": 5.0},
            "pool": {"cpu_workers": 1, **pool},
            "engine": {"name": engine, "options": options},
            "quality": {"check": "off"},  # the engine's tone is no speech: each take would be spoken again
        }
        self.container.write("/etc/fishd/config.toml", tomli_w.dumps(config))

    def drop_in(self, lines: str) -> None:
        """Add lines to the unit's [Service]."""
        self.container.write("/etc/systemd/system/fishd.service.d/test.conf", f"[Service]\n{lines}\n")
        self.container.run("systemctl", "daemon-reload")

    def start(self) -> None:
        self.container.run("systemctl", "start", "fishd")

    def stop(self) -> None:
        self.container.run("systemctl", "stop", "fishd")

    def active_state(self) -> str:
        """Such as "active" or "failed"."""
        return self.container.try_run("systemctl", "is-active", "fishd").stdout.strip()

    def wait_until_reloaded(self) -> None:
        """The file watch also reloads a saved file; in the meantime the unit is "reloading"."""
        self.container.wait_until(lambda: self.active_state() == "active", "the unit to be active again")

    def pid(self) -> int:
        return int(self.container.show("fishd", "MainPID")["MainPID"])

    def restarts(self) -> int:
        return int(self.container.show("fishd", "NRestarts")["NRestarts"])

    def status(self) -> dict[str, Any]:
        return json.loads((self.spool / "status.json").read_bytes())

    def drop(self, name: str, lines: int = 1) -> None:
        """Submit a bundle of one speaker with this number of lines, as root."""
        source = f"/srv/bundles/{name}"
        segments = [{"text": f"Line {n}."} for n in range(lines)]
        speaker = {"name": "Ada", "reference": "ada.wav", "transcript": "A reference.", "segments": segments}
        self.container.write(f"{source}/job.toml", tomli_w.dumps({"speakers": [speaker]}))
        self.container.run("cp", "/opt/examples/two-voices/ada.wav", source)
        self.container.run("/usr/local/bin/fishd", "submit", source)

    def wait_for_result(self, name: str) -> dict[str, Any]:
        result = self.spool / "outbox" / name / "result.json"
        self.container.wait_until(result.exists, f"{name} in the outbox")
        return json.loads(result.read_bytes())

    def num_spoken(self, name: str) -> int:
        journal = self.spool / "work" / name / "journal.jsonl"
        return journal.read_text().count('"spoken"') if journal.exists() else 0

    def clip_inodes(self, folder: str) -> dict[str, int]:
        """The inode of each finished clip below the folder, by file name."""
        return {path.name: path.stat().st_ino for path in self.spool.glob(f"{folder}/clips/*/[!.]*.wav")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.systemd)


@pytest.fixture(scope="session")
def container() -> Iterator[Container]:
    """With fishd's service installed, alice in its group, and bob outside it."""
    reason = missing_requirement()
    if reason:
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        # Not tmp_path: systemd-nspawn refuses a root directory below /tmp.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fishd-", dir="/var/tmp"))
        try:
            booted = stack.enter_context(booted_container(Path(folder)))
        except ContainerError as error:
            pytest.skip(str(error))
        booted.run("/opt/fishd/bin/fishd", "service", "install")
        booted.run("useradd", "--create-home", "--groups", "fishd", "alice")
        booted.run("useradd", "--create-home", "bob")
        yield booted


@pytest.fixture
def service(container: Container) -> Iterator[Service]:
    """Stopped, with an empty spool and without a drop-in, before and after each test."""
    container.since = time.time()
    service = Service(container)
    yield service
    container.try_run("systemctl", "stop", "fishd")
    container.try_run("systemctl", "reset-failed", "fishd")
    container.run("bash", "-c", f"rm -rf {SPOOL}/{{inbox,work,outbox,archive}}/* /srv/bundles /tmp/*")
    container.path("/etc/systemd/system/fishd.service.d/test.conf").unlink(missing_ok=True)
    container.run("systemctl", "daemon-reload")
    assert service.active_state() == "inactive"
