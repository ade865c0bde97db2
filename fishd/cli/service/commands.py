"""`fishd service install` and `uninstall`: each step is printed as it is done."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, print_message
from fishd.cli.service.installer import Installer
from fishd.cli.service.machine import Machine
from fishd.cli.service.man_page import man_page
from fishd.cli.service.service_files import Service, system_service, user_service


def install(root: Any, machine: Machine, *, user: bool, now: bool, dry_run: bool) -> int:
    """Install; the exit code. `root` is click's root command, for the manual."""
    service = _service(root, machine, user=user, dry_run=dry_run)
    if machine.path_in_home and not (user or dry_run):
        raise CommandError(
            f"{machine.path_in_home}: is in a home folder, which the service cannot read; install fishd in "
            "/opt/fishd with the system's python3 (`make install-service`), or use "
            "`fishd service install --user`"
        )
    with _installer(dry_run=dry_run) as installer:
        service.install(installer, now=now, is_booted=machine.is_booted)
    start = [] if now else [f"start it: {' '.join(service.systemctl)} start fishd"]
    for step in (*start, *service.next_steps):
        print_message(step)
    return EXIT_OK


def uninstall(root: Any, machine: Machine, *, user: bool, dry_run: bool) -> int:
    """Remove what install put in place, but not the operator's own; the exit code."""
    service = _service(root, machine, user=user, dry_run=dry_run)
    with _installer(dry_run=dry_run) as installer:
        service.uninstall(installer, is_booted=machine.is_booted)
    print_message(f"kept: {service.kept}")
    return EXIT_OK


def _service(root: Any, machine: Machine, *, user: bool, dry_run: bool) -> Service:
    if reason := machine.refusal(needs_root=not (user or dry_run)):
        raise CommandError(reason)
    manual = man_page(root)
    return user_service(machine, Path.home(), manual) if user else system_service(machine, manual)


@contextmanager
def _installer(*, dry_run: bool) -> Generator[Installer]:
    """An OSError of a step becomes a CommandError that names the file."""
    if dry_run:
        print_message("dry run: these steps would be done, nothing is changed")
    try:
        yield Installer(dry_run=dry_run)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}; earlier steps are done, so run the command again"
        raise CommandError(what, EXIT_FAILED) from error
