"""`fishd service`: put the systemd service in place, or take it away."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fishd.cli.output import NOT_ALL_WELL, WELL, CommandError, say
from fishd.cli.service.file_steps import Step, StepFailed, perform
from fishd.cli.service.man_page import man_page
from fishd.cli.service.steps import (
    Machine,
    hidden_in_a_home,
    install_for_all,
    install_for_one,
    remove_for_all,
    remove_for_one,
    this_machine,
)


def install(root: Any, *, user: bool, now: bool, dry_run: bool) -> int:
    """Print each step as it is done; the exit code. `root` is click's root command, for the manual."""
    machine = _checked(root, user=user, dry_run=dry_run)
    if user:
        return _do(install_for_one(machine, Path.home(), now=now), dry_run, _next_for_one(now))
    hidden = hidden_in_a_home()
    if hidden and not dry_run:
        raise CommandError(
            f"{hidden}: is in a home folder, which the service may not see; install fishd in /opt/fishd "
            "with Debian's python3 (`make install-service` does), or take `fishd service install --user`"
        )
    return _do(install_for_all(machine, now=now), dry_run, _next_for_all(now))


def uninstall(root: Any, *, user: bool, dry_run: bool) -> int:
    """The same, backwards; what is the operator's stays."""
    machine = _checked(root, user=user, dry_run=dry_run)
    if user:
        return _do(remove_for_one(machine, Path.home()), dry_run, ["kept: ~/fishd, configuration and spool"])
    left = ["kept: /etc/fishd (configuration), /var/lib/fishd (spool), the user and group fishd"]
    return _do(remove_for_all(machine), dry_run, left)


def _checked(root: Any, *, user: bool, dry_run: bool) -> Machine:
    machine = this_machine(man_page(root))
    if not machine.systemd_version:
        raise CommandError("systemd is not installed here; run `fishd run` under the supervisor that is")
    if not (user or dry_run) and os.geteuid() != 0:
        raise CommandError("the system's service needs root: use sudo, or --user for one of your own")
    return machine


def _do(steps: Iterable[Step], dry_run: bool, after: list[str]) -> int:
    if dry_run:
        say("a dry run: nothing is changed; this is what would be said:")
    try:
        for line in perform(list(steps), dry_run=dry_run):
            print(line, flush=True)
    except (StepFailed, OSError) as error:
        raise CommandError(
            f"{error}; what was done stays, and install may be run again", NOT_ALL_WELL
        ) from error
    for line in after:
        say(line)
    return WELL


def _next_for_all(now: bool) -> list[str]:
    who = os.environ.get("SUDO_USER", "NAME")
    start = [] if now else ["next: systemctl start fishd"]
    return [
        *start,
        f"to let a user drop bundles: usermod --append --groups fishd {who} (and log in again)",
        "speak one: fishd submit --wait --config /etc/fishd/config.toml BUNDLE",
    ]


def _next_for_one(now: bool) -> list[str]:
    start = [] if now else ["next: systemctl --user start fishd"]
    return [
        *start,
        "to run it without a login: loginctl enable-linger",
        "speak one: fishd submit --wait --config ~/fishd/config.toml BUNDLE",
    ]
