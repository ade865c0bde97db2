"""Reads a request for a revision in work/NAME, and applies it to the job and its last result.

Everything here blocks and runs in threads. OSError and SpoolError are for the caller to retry; everything
else that is wrong is a fault, with which the revision is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fishd.core.config.config import Config
from fishd.core.model.job import Fault
from fishd.core.model.revised_job import RevisedJob
from fishd.core.revision.apply import apply, why_not
from fishd.spool.bundle.load import LoadedBundle
from fishd.spool.errors import SpoolError
from fishd.spool.revision.request_file import read_request
from fishd.spool.revision.takes import take_over_former
from fishd.spool.revision.work import claim_bundle, former_result
from fishd.spool.root import Spool
from fishd.spool.work_folder import request_in

_log = logging.getLogger("fishd.arrivals")


@dataclass(frozen=True, slots=True)
class LoadedRevision:
    """`revised` is None exactly if there are faults."""

    bundle: LoadedBundle
    revised: RevisedJob | None
    faults: tuple[Fault, ...] = ()


class RevisionLoader:
    """`read` reads the bundle in work/NAME; `secret` signs takes, see spool/outbox/reuse.py."""

    def __init__(
        self, spool: Spool, config: Config, secret: bytes, read: Callable[[Path], LoadedBundle]
    ) -> None:
        self._spool = spool
        self._config = config
        self._secret = secret
        self._read = read

    def load(self, folder: Path) -> LoadedRevision:
        """The revision in work/NAME; its bundle is back from the archive from then on.

        A bug in reading one revision refuses that one and stops nothing else. Raises OSError, SpoolError.
        """
        try:
            return self._load(folder)
        except (OSError, SpoolError):
            raise
        except Exception as error:  # noqa: BLE001 - one bad request stops nothing else
            _log.exception("[Main] %s cannot be revised: a bug in fishd", folder.name)
            what = f"cannot be revised: a bug in fishd ({type(error).__name__}); please report it"
            return _refused(Fault("job", what))

    def _load(self, folder: Path) -> LoadedRevision:
        spool, limits = self._spool, self._config.limits
        path = request_in(folder)
        assert path is not None, "there is a request in this folder"
        revision, faults = read_request(path, limits)
        if faults:
            return _refused(*faults)
        former = former_result(folder, spool.outbox, limits, spool.disk)
        if isinstance(former, Fault):
            return _refused(former)
        if fault := why_not(former):
            return _refused(fault)
        if not claim_bundle(folder, spool.archive, spool.disk):
            days = self._config.spool.archive_days
            what = f"is no longer archived (archive_days is {days}); submit the bundle again"
            return _refused(Fault("bundle", what))
        bundle = self._read(folder)
        if bundle.job is None:
            return _refused(*bundle.faults)
        revised, faults = apply(revision, path.name, bundle.job, former)
        if revised is None:
            return _refused(*faults)
        revised, faults = take_over_former(
            revised, self._secret, outbox=spool.outbox, takes=spool.takes, folder=folder, disk=spool.disk
        )
        return _refused(*faults) if faults else LoadedRevision(bundle, revised)


def _refused(*faults: Fault) -> LoadedRevision:
    return LoadedRevision(LoadedBundle(None, faults), None, faults)
