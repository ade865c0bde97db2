"""The hardening as it is enforced: a probe runs in the daemon's place, inside its unit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.systemd.container import Machine

IN_ITS_PLACE = """[Service]
Type=oneshot
NotifyAccess=none
ExecStart=
ExecStart=/opt/fishd/bin/python /opt/inside/probe.py /var/lib/fishd/probe.json
ExecReload=
Restart=no
WatchdogSec=0
"""


@pytest.fixture(scope="module")
def found(booted: Machine) -> dict[str, Any]:
    """What the probe finds, while alice runs a process and a device of another driver stands open to all."""
    units = "/etc/systemd/system"
    unit = booted.path(f"{units}/fishd.service").read_text()
    booted.write(f"{units}/fishd-probe.service", unit)
    booted.write(f"{units}/fishd-probe.service.d/probe.conf", IN_ITS_PLACE)
    booted.run("bash", "-c", "mknod -m 666 /dev/probe c 10 200")
    booted.run("systemd-run", "--uid=alice", "--unit=alices", "sleep", "300")
    booted.run("systemctl", "daemon-reload")
    booted.run("systemctl", "start", "fishd-probe")
    booted.run("systemctl", "stop", "alices")
    return json.loads(booted.path("/var/lib/fishd/probe.json").read_text())


def test_it_writes_to_the_spool_and_nowhere_else(found: dict[str, Any]) -> None:
    """The rest of the system is read-only or out of sight."""
    assert found["spool"] == ""
    assert set(found["elsewhere"].values()) <= {"EROFS", "EACCES"}
    assert "EROFS" in found["elsewhere"].values()


def test_it_opens_no_network_socket(found: dict[str, Any]) -> None:
    """Only local sockets, and no interface but a loopback of its own."""
    assert {name: fault for name, fault in found["sockets"].items() if fault} == dict.fromkeys(
        ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET"), "EAFNOSUPPORT"
    )
    assert found["interfaces"] == ["lo"]


def test_it_sees_no_other_users_processes_nor_homes(found: dict[str, Any]) -> None:
    """Neither alice's nor root's."""
    assert found["users"] == [found["uid"]]
    assert found["uid"] != 0
    assert set(map(str, found["homes"].values())) <= {"EACCES", "[]"}


def test_it_has_no_privilege_and_gets_none(found: dict[str, Any]) -> None:
    """No capability, no set-user-ID, no namespace, no mount; system calls are filtered."""
    nothing = "0000000000000000"
    assert found["status"] == {"CapEff": nothing, "CapBnd": nothing, "NoNewPrivs": "1", "Seccomp": "2"}
    assert found["unshare"] == found["mount"] == found["setuid bit"] == "EPERM"


def test_it_opens_no_device_but_the_gpus(found: dict[str, Any]) -> None:
    """A node that everybody may open by its mode is closed by the unit."""
    assert found["device"] == "EPERM"


def test_torch_works_on_the_cpu(found: dict[str, Any]) -> None:
    """Matrix products in bfloat16, attention, convolution, Fourier."""
    if found["torch"] == "not installed":
        pytest.skip("torch is not installed beside fishd")
    assert found["torch"] == "works"
