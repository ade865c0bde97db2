"""The first question to a node. It travels by value: a node with another fishd, or none, answers it."""

from __future__ import annotations

from typing import Any


def ask_node(version: str, checkpoint: str, pids: tuple[int, ...]) -> Any:
    """The node's NodeFacts, or a fault as a string; `version` is the driver's fishd."""
    try:
        import fishd
    except ImportError as error:
        return (
            f"has no fishd ({error}): pip install fishd=={version} there, in the environment of `ray start`"
        )
    if fishd.__version__ != version:
        return (
            f"has fishd {fishd.__version__}, the daemon {version}: install the same version on all machines"
        )
    from fishd.cluster.node.probe import probe

    return probe(checkpoint, pids)
