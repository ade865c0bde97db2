"""Runs in the daemon's unit, and tries what the unit must forbid and what it must permit.

The findings are written as JSON to the file that its argument names.
"""

import contextlib
import ctypes
import errno
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ELSEWHERE = ("/", "/etc", "/usr", "/opt/fishd", "/srv", "/home", "/root", "/var/lib", "/var/log", "/boot")
FAMILIES = ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_UNIX")
CLONE_NEWUSER = 0x10000000


def fault_of(attempt: Callable[[], object]) -> str:
    """The name of the error that the attempt raises; empty if it succeeds."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return ""


def libc_call(name: str, *arguments: object) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def attempt() -> None:
        if getattr(libc, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)

    return attempt


def write_in(folder: str) -> str:
    """The error of writing a file in this folder."""
    path = Path(folder, ".probe")
    fault = fault_of(lambda: path.write_text("probe"))
    with contextlib.suppress(OSError):
        path.unlink()
    return fault


def names_in(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def visible_users() -> Iterator[int]:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                yield process.stat().st_uid


def status_fields(*keys: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {key: value.strip() for key, value in pairs if key in keys}


def torch_works() -> str:
    """ "works", or why torch does not work on the CPU."""
    try:
        import torch
    except ImportError:
        return "not installed"
    left = torch.randn(64, 64, dtype=torch.bfloat16)
    product = left @ left
    heads = torch.randn(1, 4, 16, 32)
    attended = torch.nn.functional.scaled_dot_product_attention(heads, heads, heads)
    convolved = torch.nn.functional.conv1d(torch.randn(1, 8, 256), torch.randn(8, 8, 7))
    spectrum = torch.fft.rfft(torch.randn(512))
    finite = all(
        bool(torch.isfinite(torch.view_as_real(spectrum) if x is spectrum else x).all())
        for x in (product, attended, convolved, spectrum)
    )
    return "works" if finite else "gives values that are not finite"


def main() -> None:
    found = {
        "uid": os.getuid(),
        "elsewhere": {folder: write_in(folder) for folder in ELSEWHERE},
        "spool": write_in("/var/lib/fishd/spool/work"),
        "sockets": {
            name: fault_of(lambda name=name: socket.socket(getattr(socket, name), socket.SOCK_DGRAM))
            for name in FAMILIES
        },
        "interfaces": names_in("/sys/class/net"),
        "users": sorted(set(visible_users())),
        "homes": {
            home: fault_of(lambda home=home: names_in(home)) or names_in(home) for home in ("/home", "/root")
        },
        "status": status_fields("CapEff", "CapBnd", "NoNewPrivs", "Seccomp"),
        "device": fault_of(lambda: os.close(os.open("/dev/probe", os.O_RDWR))),
        "unshare": fault_of(libc_call("unshare", CLONE_NEWUSER)),
        "mount": fault_of(libc_call("mount", b"none", b"/tmp", b"tmpfs", 0, None)),
        "setuid bit": fault_of(lambda: make_setuid("/var/lib/fishd/.setuid")),
        "torch": torch_works(),
    }
    Path(sys.argv[1]).write_text(json.dumps(found))


def make_setuid(path: str) -> None:
    try:
        Path(path).touch()
        Path(path).chmod(0o4755)
    finally:
        Path(path).unlink()


if __name__ == "__main__":
    main()
