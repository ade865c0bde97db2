"""One machine for all tests of this folder; each test sets up the service as it needs it."""

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

from tests.systemd.container import CannotBoot, Machine, machine, why_not

SPOOL = "/var/lib/fishd/spool"
NOOP = "tests.engines.noop:factory"


class Service:
    """fishd as the machine's operator meets it."""

    def __init__(self, booted: Machine) -> None:
        self.machine = booted
        self.spool = booted.path(SPOOL)

    def configure(self, options: dict[str, Any] | None = None, **pool: Any) -> None:
        """The no-op engine with these options, and this [pool]."""
        options = dict(options or {})
        engine = "gated_engine:factory" if "load_gate" in options else NOOP
        config = {
            "spool": {"root": SPOOL, "settle_s": 0.5, "rescan_s": 5.0},
            "pool": {"cpu_workers": 1, **pool},
            "engine": {"name": engine, "options": options},
        }
        self.machine.write("/etc/fishd/config.toml", tomli_w.dumps(config))

    def drop_in(self, lines: str) -> None:
        """More for the unit's [Service]."""
        self.machine.write("/etc/systemd/system/fishd.service.d/test.conf", f"[Service]\n{lines}\n")
        self.machine.run("systemctl", "daemon-reload")

    def start(self) -> None:
        self.machine.run("systemctl", "start", "fishd")

    def stop(self) -> None:
        self.machine.run("systemctl", "stop", "fishd")

    def is_active(self) -> str:
        return self.machine.tried("systemctl", "is-active", "fishd").stdout.strip()

    def wait_until_reloaded(self) -> None:
        """The watch takes a saved file as well; while it does, the unit is "reloading"."""
        self.machine.wait_until(lambda: self.is_active() == "active", "the unit to be active again")

    def pid(self) -> int:
        return int(self.machine.show("fishd", "MainPID")["MainPID"])

    def restarts(self) -> int:
        return int(self.machine.show("fishd", "NRestarts")["NRestarts"])

    def status(self) -> dict[str, Any]:
        return json.loads((self.spool / "status.json").read_bytes())

    def drop(self, name: str, lines: int = 1) -> None:
        """A bundle of one speaker with so many lines, as root puts it there."""
        source = f"/srv/dropped/{name}"
        segments = [{"text": f"Line {n}."} for n in range(lines)]
        speaker = {"name": "Ada", "reference": "ada.wav", "transcript": "A reference.", "segments": segments}
        self.machine.write(f"{source}/job.toml", tomli_w.dumps({"speakers": [speaker]}))
        self.machine.run("cp", "/opt/examples/two-voices/ada.wav", source)
        self.machine.run("/usr/local/bin/fishd", "submit", source)

    def wait_for_result(self, name: str) -> dict[str, Any]:
        result = self.spool / "outbox" / name / "result.json"
        self.machine.wait_until(result.exists, f"{name} in the outbox")
        return json.loads(result.read_bytes())

    def num_spoken(self, name: str) -> int:
        journal = self.spool / "work" / name / "journal.jsonl"
        return journal.read_text().count('"spoken"') if journal.exists() else 0

    def clips(self, folder: str) -> dict[str, int]:
        """The finished clips below it, by name, with their inodes."""
        found = self.spool.glob(f"{folder}/clips/*/[!.]*.wav")
        return {path.name: path.stat().st_ino for path in found}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.systemd)


@pytest.fixture(scope="session")
def booted() -> Iterator[Machine]:
    """Booted once, with fishd's service installed and alice in its group."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        # Not tmp_path: systemd-nspawn refuses what is below a /tmp of its own.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fishd-", dir="/var/tmp"))
        try:
            new = stack.enter_context(machine(Path(folder)))
        except CannotBoot as error:
            pytest.skip(str(error))
        new.run("/opt/fishd/bin/fishd", "service", "install")
        new.run("useradd", "--create-home", "--groups", "fishd", "alice")
        new.run("useradd", "--create-home", "bob")
        yield new


@pytest.fixture
def service(booted: Machine) -> Iterator[Service]:
    """Stopped, with an empty spool and no drop-in; afterwards as well."""
    booted.since = time.time()
    yield (under_test := Service(booted))
    booted.tried("systemctl", "stop", "fishd")
    booted.tried("systemctl", "reset-failed", "fishd")
    booted.run("bash", "-c", f"rm -rf {SPOOL}/{{inbox,work,outbox,archive}}/* /srv/dropped /tmp/*")
    booted.path("/etc/systemd/system/fishd.service.d/test.conf").unlink(missing_ok=True)
    booted.run("systemctl", "daemon-reload")
    assert under_test.is_active() == "inactive"
