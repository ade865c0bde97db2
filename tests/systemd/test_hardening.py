"""The hardening of the unit: a probe runs in it instead of the daemon."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.systemd.container import Container

PROBE_UNIT = """[Service]
Type=oneshot
NotifyAccess=none
ExecStart=
ExecStart=/opt/fishd/bin/python /opt/inside/sandbox_probe.py /var/lib/fishd/probe.json
ExecReload=
Restart=no
WatchdogSec=0
"""


@pytest.fixture(scope="module")
def found(container: Container) -> dict[str, Any]:
    """The probe's findings, while alice runs a process and a device exists that every user may open."""
    units = "/etc/systemd/system"
    unit = container.path(f"{units}/fishd.service").read_text()
    container.write(f"{units}/fishd-probe.service", unit)
    container.write(f"{units}/fishd-probe.service.d/probe.conf", PROBE_UNIT)
    container.run("bash", "-c", "mknod -m 666 /dev/probe c 10 200")
    container.run("systemd-run", "--uid=alice", "--unit=alices", "sleep", "300")
    container.run("systemctl", "daemon-reload")
    container.run("systemctl", "start", "fishd-probe")
    container.run("systemctl", "stop", "alices")
    return json.loads(container.path("/var/lib/fishd/probe.json").read_text())


def test_only_the_spool_is_writable(found: dict[str, Any]) -> None:
    """The other folders are read-only or inaccessible."""
    assert found["spool"] == ""
    assert set(found["elsewhere"].values()) <= {"EROFS", "EACCES"}
    assert "EROFS" in found["elsewhere"].values()


def test_network_sockets_are_forbidden(found: dict[str, Any]) -> None:
    """Unix sockets are permitted; the only interface is a private loopback."""
    assert {name: fault for name, fault in found["sockets"].items() if fault} == dict.fromkeys(
        ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET"), "EAFNOSUPPORT"
    )
    assert found["interfaces"] == ["lo"]


def test_processes_and_home_folders_of_other_users_are_hidden(found: dict[str, Any]) -> None:
    """Those of root are hidden too."""
    assert found["users"] == [found["uid"]]
    assert found["uid"] != 0
    assert set(map(str, found["homes"].values())) <= {"EACCES", "[]"}


def test_privileges_cannot_be_gained(found: dict[str, Any]) -> None:
    """There are no capabilities, set-user-ID files, namespaces or mounts; system calls are filtered."""
    nothing = "0000000000000000"
    assert found["status"] == {"CapEff": nothing, "CapBnd": nothing, "NoNewPrivs": "1", "Seccomp": "2"}
    assert found["unshare"] == found["mount"] == found["setuid bit"] == "EPERM"


def test_devices_other_than_gpus_cannot_be_opened(found: dict[str, Any]) -> None:
    """Their mode may permit it."""
    assert found["device"] == "EPERM"


def test_torch_works_on_the_cpu(found: dict[str, Any]) -> None:
    """It computes matrix products in bfloat16, attention, a convolution and a Fourier transform."""
    if found["torch"] == "not installed":
        pytest.skip("torch is not installed with fishd")
    assert found["torch"] == "works"
