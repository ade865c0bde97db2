"""A container with Debian, a real systemd, and fishd installed as by an operator.

Needs root, systemd-nspawn and mmdebstrap. The first run downloads Debian (about a minute) and stores it in
/var/cache/fishd-tests. The container has no network.
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
DOWNLOAD_LIMIT_S = 200


class ContainerError(Exception):
    """This host cannot download or boot the container. Nothing of fishd has run in it yet."""


def missing_requirement() -> str:
    """Why this host cannot start the container; empty if it can."""
    if os.geteuid() != 0:
        return "a container with a real systemd needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: systemd-container mmdebstrap util-linux)"
    if sys.base_prefix == "/usr" and sys.version_info[:2] != (3, 11):
        return "the container has Python 3.11; run the tests with that, or with a Python outside of /usr"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False).returncode:
        return "this process cannot create namespaces"
    if not any(os.access(path / "cgroup.procs", os.W_OK) for path in (CGROUPS, CGROUPS / "unified")):
        return "this process cannot create a cgroup of the unified hierarchy"
    return ""


class Container:
    """The running container. Paths given to it are paths inside it."""

    def __init__(self, root: Path, leader: int, nspawn: subprocess.Popen[bytes]) -> None:
        self.root = root
        self._leader = leader
        self._nspawn = nspawn
        self.since = 0.0  # the journal before this moment belongs to other tests

    def run(self, *command: str, check: bool = True, env: dict[str, str] | None = None) -> str:
        """Run a command in the container as root; its output."""
        ended = self.try_run(*command, env=env)
        assert ended.returncode == 0 or not check, f"{command}: {ended.stdout}\n{self.journal()}"
        return ended.stdout

    def try_run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The same for a command that may fail."""
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
        """Run a command as a user with all their groups, as after a login."""
        return self.try_run("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *command)

    def path(self, inside: str) -> Path:
        """The path outside the container of a path inside it."""
        return Path(f"/proc/{self._leader}/root{inside}")

    def write(self, inside: str, content: str, mode: int = 0o644) -> None:
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Properties of a unit, from `systemctl show`."""
        lines = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self, *arguments: str) -> str:
        since = f"--since=@{self.since:.6f}"
        return self.try_run("journalctl", "--no-pager", "--quiet", "--unit=fishd", since, *arguments).stdout

    def wait_until(self, condition: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
        """Check every 0.1 s: events inside the container cannot be waited for from outside."""
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, f"timed out waiting for {what}\n{self.journal()}"
            time.sleep(0.1)

    def power_off(self) -> None:
        """Kill it; its files are not needed any more."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._leader, signal.SIGKILL)
        self._nspawn.wait(20)


@contextlib.contextmanager
def booted_container(folder: Path) -> Iterator[Container]:
    """A container below `folder`, with fishd in /opt/fishd and no service yet. Raises ContainerError."""
    root = folder / "root"
    root.mkdir()
    subprocess.run(["tar", "-C", str(root), "-xf", str(_image())], check=True)
    binds = _install_fishd(root)
    with _cgroups(f"fishd-tests-{os.getpid()}") as cgroups:
        nspawn = _boot(root, binds, cgroups, folder / "console.log")
        try:
            container = Container(root, _leader(nspawn, folder / "console.log"), nspawn)
        except BaseException:
            nspawn.kill()
            nspawn.wait()
            raise
        try:
            _wait_until_up(container, folder / "console.log")
            container.run("ldconfig")
            yield container
        finally:
            container.power_off()


def _image() -> Path:
    """Debian as a tar file, downloaded once."""
    if not IMAGE.exists():
        IMAGE.parent.mkdir(parents=True, exist_ok=True)
        part = IMAGE.with_suffix(".part.tar")
        print(f"downloading Debian to {IMAGE} …", file=sys.stderr)
        debian = ["--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(part)]
        download = ["timeout", str(DOWNLOAD_LIMIT_S), "mmdebstrap", *debian]
        ended = subprocess.run(download, stderr=subprocess.PIPE, text=True, check=False)
        if ended.returncode:
            part.unlink(missing_ok=True)
            raise ContainerError(f"Debian cannot be downloaded: {_last_line(ended.stderr)}")
        part.rename(IMAGE)
    return IMAGE


def _install_fishd(root: Path) -> list[str]:
    """Install what `make install-service` does in /opt/fishd; bind mounts for this interpreter's packages."""
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
    """A new cgroup in each hierarchy that systemd uses."""
    hybrid = [CGROUPS / "unified", CGROUPS / "systemd"]
    groups = [above / name for above in (hybrid if hybrid[0].is_dir() else [CGROUPS])]
    try:
        for group in groups:
            group.mkdir(exist_ok=True)
    except OSError as error:
        raise ContainerError(f"a cgroup cannot be created: {error}") from error
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
    """The pid outside the container of its process 1."""
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and nspawn.poll() is None:
        found = children.read_text().split()
        if found and Path(f"/proc/{found[0]}/comm").read_text().strip() == "systemd":
            return int(found[0])
        time.sleep(0.05)
    raise ContainerError(f"the container does not boot: {_last_line(console.read_text(errors='replace'))}")


def _wait_until_up(container: Container, console: Path) -> None:
    try:
        container.wait_until(lambda: _is_up(container), "systemd to be running")
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        reason = _last_line(console.read_text(errors="replace"))
        raise ContainerError(f"systemd does not start in the container: {reason}") from error


def _last_line(output: str) -> str:
    return (output.splitlines() or ["without any output"])[-1]


def _is_up(container: Container) -> bool:
    return container.try_run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")
