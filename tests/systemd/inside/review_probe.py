"""Runs in the review page's unit, and tries what the unit must forbid and what it must permit.

The findings are written as JSON to the file that its argument names.
"""

import json
import mmap
import os
import socket
import sys
from pathlib import Path

from sandbox_probe import (
    CLONE_NEWUSER,
    ELSEWHERE,
    fault_of,
    libc_call,
    names_in,
    status_fields,
    visible_users,
    write_in,
)

SPOOL = "/var/lib/fishd/spool"
FAMILIES = ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_UNIX")


def send_to(address: str) -> str:
    """The error of sending a datagram there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return fault_of(lambda: sock.sendto(b"probe", (address, 9)))


def map_code() -> None:
    """Memory that can be written and run."""
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def main() -> None:
    found = {
        "uid": os.getuid(),
        "writable": {name: write_in(f"{SPOOL}/{name}") for name in ("inbox", "outbox")},
        "readable": {
            name: fault_of(lambda name=name: names_in(f"{SPOOL}/{name}")) for name in ("work", "archive")
        },
        "elsewhere": {
            folder: write_in(folder)
            for folder in (*ELSEWHERE, SPOOL, f"{SPOOL}/work", f"{SPOOL}/archive", f"{SPOOL}/.cache")
        },
        "voices": fault_of(lambda: names_in("/var/lib/fishd/voices")),
        "sockets": {
            name: fault_of(lambda name=name: socket.socket(getattr(socket, name), socket.SOCK_DGRAM).close())
            for name in FAMILIES
        },
        "sent": {address: send_to(address) for address in sys.argv[2:]},
        "users": sorted(set(visible_users())),
        "status": status_fields("CapEff", "CapBnd", "NoNewPrivs", "Seccomp"),
        "devices": [device for device in ("/dev/probe", "/dev/kmsg", "/dev/mem") if Path(device).exists()],
        "/proc": [name for name in ("meminfo", "sys", "driver") if Path("/proc", name).exists()],
        "unshare": fault_of(libc_call("unshare", CLONE_NEWUSER)),
        "mount": fault_of(libc_call("mount", b"none", b"/tmp", b"tmpfs", 0, None)),
        "code": fault_of(map_code),
    }
    Path(sys.argv[1]).write_text(json.dumps(found))


main()
