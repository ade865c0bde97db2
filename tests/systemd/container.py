"""A machine with a real systemd: a Debian in a container, with fishd installed as an operator would.

Needs root, systemd-nspawn and mmdebstrap; the first run fetches the Debian (about a minute), and keeps it in
/var/cache/fishd-tests. Nothing in it reaches the network.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGE = Path("/var/cache/fishd-tests/bookworm-3.tar")
PACKAGES = "systemd,systemd-sysv,dbus,udev,iproute2,procps,python3,logrotate"
TOOLS = ("systemd-nspawn", "mmdebstrap", "nsenter")
CGROUPS = Path("/sys/fs/cgroup")
LIMIT_S = 60.0
FETCH_LIMIT_S = 200


class CannotBoot(Exception):  # noqa: N818 -- the house names faults by what they say
    """This host cannot fetch or boot the machine; nothing of fishd has run in it yet."""


def why_not() -> str:
    """Why no machine can be started here; empty where one can."""
    if os.geteuid() != 0:
        return "a container with a real systemd needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: systemd-container mmdebstrap util-linux)"
    if sys.base_prefix == "/usr" and sys.version_info[:2] != (3, 11):
        return "the container has Python 3.11; run the tests with that, or with a Python outside of /usr"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False).returncode:
        return "no namespaces may be made here"
    if not any(os.access(path / "cgroup.procs", os.W_OK) for path in (CGROUPS, CGROUPS / "unified")):
        return "no cgroup of the unified hierarchy may be made here"
    return ""


class Machine:
    """The running container. Paths given to it are seen from inside."""

    def __init__(self, root: Path, leader: int, nspawn: subprocess.Popen[bytes]) -> None:
        self.root = root
        self._leader = leader
        self._nspawn = nspawn
        self.since = 0.0  # journal lines before this moment are another test's

    def run(self, *command: str, check: bool = True, env: dict[str, str] | None = None) -> str:
        """Run a command in there as root; all that it printed."""
        ended = self.tried(*command, env=env)
        assert ended.returncode == 0 or not check, f"{command}: {ended.stdout}\n{self.journal()}"
        return ended.stdout

    def tried(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(
            ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "-C", "--", *command],
            env={"PATH": path, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "HOME": "/root", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def run_as(self, user: str, *command: str) -> subprocess.CompletedProcess[str]:
        """As a user who has logged in, with all groups."""
        return self.tried("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *command)

    def path(self, inside: str) -> Path:
        """A path of the container as it is seen from outside."""
        return Path(f"/proc/{self._leader}/root{inside}")

    def write(self, inside: str, content: str, mode: int = 0o644) -> None:
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """What `systemctl show` says of a unit."""
        lines = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self, *arguments: str) -> str:
        since = f"--since=@{self.since:.6f}"
        return self.tried("journalctl", "--no-pager", "--quiet", "--unit=fishd", since, *arguments).stdout

    def wait_until(self, condition: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
        """Look every tenth of a second: nothing outside of the container can wake us."""
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}\n{self.journal()}"
            time.sleep(0.1)

    def power_off(self) -> None:
        """By pulling the plug: nothing in there is to be kept."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._leader, signal.SIGKILL)
        self._nspawn.wait(20)


@contextlib.contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Boot one below `folder`, with fishd's files in /opt/fishd and nothing set up yet. Raises CannotBoot."""
    root = folder / "root"
    root.mkdir()
    subprocess.run(["tar", "-C", str(root), "-xf", str(_image())], check=True)
    binds = _install_fishd(root)
    with _cgroups(f"fishd-tests-{os.getpid()}") as cgroups:
        nspawn = _boot(root, binds, cgroups, folder / "console.log")
        try:
            booted = Machine(root, _leader(nspawn, folder / "console.log"), nspawn)
        except BaseException:
            nspawn.kill()
            nspawn.wait()
            raise
        try:
            _wait_until_up(booted, folder / "console.log")
            booted.run("ldconfig")
            yield booted
        finally:
            booted.power_off()


def _image() -> Path:
    """The Debian as a tar file, fetched once."""
    if not IMAGE.exists():
        IMAGE.parent.mkdir(parents=True, exist_ok=True)
        part = IMAGE.with_suffix(".part.tar")
        print(f"fetching a Debian into {IMAGE} …", file=sys.stderr)
        debian = ["--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(part)]
        fetch = ["timeout", str(FETCH_LIMIT_S), "mmdebstrap", *debian]
        ended = subprocess.run(fetch, stderr=subprocess.PIPE, text=True, check=False)
        if ended.returncode:
            part.unlink(missing_ok=True)
            raise CannotBoot(f"no Debian can be fetched: {_last_line(ended.stderr)}")
        part.rename(IMAGE)
    return IMAGE


def _install_fishd(root: Path) -> list[str]:
    """What `make install-service` puts into /opt/fishd; the binds for this interpreter's packages."""
    home = root / "opt/fishd"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = home / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (home / "bin").mkdir()
    own_python = sys.base_prefix == "/usr"
    (home / "bin/python").symlink_to(f"/usr/bin/{version}" if own_python else f"/opt/py/bin/{version}")
    (home / "pyvenv.cfg").write_text(f"home = {'/usr' if own_python else '/opt/py'}/bin\n")
    (packages / "others.pth").write_text("/opt/tests\n/opt/inside\n/opt/site\n")
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "fishd", packages / "fishd", ignore=skip)
    shutil.copytree(ROOT / "systemd", home / "share/fishd/systemd")
    for name in ("tests", "tests/engines"):
        (root / "opt/tests" / name).mkdir(parents=True)
        shutil.copy(ROOT / name / "__init__.py", root / "opt/tests" / name)
    shutil.copy(ROOT / "tests/engines/noop.py", root / "opt/tests/tests/engines")
    shutil.copytree(ROOT / "inbox_example", root / "opt/examples")
    shutil.copytree(ROOT / "tests/systemd/inside", root / "opt/inside", ignore=skip)
    script = home / "bin/fishd"
    script.write_text("#!/opt/fishd/bin/python\nfrom fishd.cli import main\nmain()\n")
    script.chmod(0o755)
    (root / "opt/site").mkdir()
    (root / "etc/ld.so.conf.d/python.conf").write_text("/opt/py/lib\n")
    binds = [f"--bind-ro={sysconfig.get_path('purelib')}:/opt/site"]
    return binds if own_python else [*binds, f"--bind-ro={sys.base_prefix}:/opt/py"]


@contextlib.contextmanager
def _cgroups(name: str) -> Iterator[list[Path]]:
    """A group of our own in each hierarchy that systemd uses."""
    hybrid = [CGROUPS / "unified", CGROUPS / "systemd"]
    groups = [above / name for above in (hybrid if hybrid[0].is_dir() else [CGROUPS])]
    try:
        for group in groups:
            group.mkdir(exist_ok=True)
    except OSError as error:
        raise CannotBoot(f"no cgroup may be made here: {error}") from error
    try:
        yield groups
    finally:
        for group in groups:
            for below in sorted(group.rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):
                    below.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()


def _boot(root: Path, binds: list[str], cgroups: list[Path], console: Path) -> subprocess.Popen[bytes]:
    join = "".join(f"echo $$ > {group}/cgroup.procs; " for group in cgroups)
    nspawn = [
        "systemd-nspawn",
        "--quiet",
        "--directory",
        str(root),
        "--register=no",
        "--keep-unit",
        "--private-network",
        "--resolv-conf=off",
        "--timezone=off",
        "--capability=all",  # without it, and the filter, DevicePolicy= is silently ignored
        "--system-call-filter=bpf",
        "--console=pipe",
        *binds,
        "--boot",
    ]
    env = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    with console.open("wb") as log:
        return subprocess.Popen(
            ["sh", "-c", join + 'exec "$@"', "sh", *nspawn],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _leader(nspawn: subprocess.Popen[bytes], console: Path) -> int:
    """The container's process 1 as it is numbered out here."""
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and nspawn.poll() is None:
        found = children.read_text().split()
        if found and Path(f"/proc/{found[0]}/comm").read_text().strip() == "systemd":
            return int(found[0])
        time.sleep(0.05)
    raise CannotBoot(f"the container does not boot: {_last_line(console.read_text(errors='replace'))}")


def _wait_until_up(booted: Machine, console: Path) -> None:
    try:
        booted.wait_until(lambda: _is_up(booted), "systemd to be up")
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        said = _last_line(console.read_text(errors="replace"))
        raise CannotBoot(f"systemd does not come up in the container: {said}") from error


def _last_line(said: str) -> str:
    return (said.splitlines() or ["it does not say why"])[-1]


def _is_up(booted: Machine) -> bool:
    return booted.tried("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")
