"""Connects to the cluster; every way in which that fails has a message with its fix."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import signal
import socket
from typing import Any

NAMESPACE = "fishd"
ANSWER_S = 10.0


class ConnectFault(Exception):  # noqa: N818 - named like the other faults
    """There is no connection; the message says why, and what to do."""


def connect(address: str) -> Any:
    """Ray's module, connected to the cluster at this address; to be called by the main thread.

    Raises ConnectFault.
    """
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise ConnectFault(
            f"pool.backend is \"ray\", but Ray cannot be imported ({error}): pip install 'fishd[ray]'"
        ) from error
    _require_answer(address)
    said = io.StringIO()  # Ray prints what it does, also where it then raises
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
    except Exception as error:  # a border: Ray raises what its parts raise
        raise ConnectFault(_explain(address, str(error))) from error
    for number in (signal.SIGINT, signal.SIGTERM):  # for the daemon, even if sent to all; Ray takes them
        signal.signal(number, signal.SIG_IGN)
    return ray


def _require_answer(address: str) -> None:
    """Ray itself would try for minutes. Raises ConnectFault."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise ConnectFault(_explain(address, getattr(error, "strerror", None) or str(error))) from error


def _explain(address: str, error: str) -> str:
    if "ersion mismatch" in error:
        found = ", ".join(line.strip() for line in error.splitlines() if re.search(r"Ray:|Python:", line))
        return (
            f"the cluster at {address} has another version of Ray or Python than fishd here ({found}): "
            "install the same ones on all machines"
        )
    if address == "auto":
        return (
            "no Ray runs on this machine: start it with `ray start --head`, or as a node of another head "
            "with `ray start --address=HOST:PORT --num-cpus=0 --num-gpus=0`, or set ray.address"
        )
    first = error.strip().partition("\n")[0] or "no reason given"
    return (
        f"the Ray cluster at {address} cannot be reached ({first}): check ray.address and that the head runs "
        "(`ray status`), and start Ray on this machine too, `ray start --address=HOST:PORT --num-cpus=0`"
    )
