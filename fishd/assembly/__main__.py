"""`python -m fishd.assembly REQUEST PARENT`: assemble one job, answer on standard output, and end.

REQUEST is a JSON file (`fishd.wire.assembly`). PARENT is the daemon's process id: without it the process ends
too. The exit status is 0 after a result and 1 after a fault.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from fishd.wire.assembly import AssemblyAnswer, AssemblyFault, AssemblyResult
from fishd.wire.process_exit import exit_with_parent

_NICENESS = 10  # speaking comes first


def main() -> int:
    exit_with_parent(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the daemon, which ends this process if it wants
    os.nice(_NICENESS)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported: one core is enough
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints does not go among the answers

    def tell(answer: AssemblyAnswer) -> None:
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()

    answer = _answer(Path(sys.argv[1]), tell)
    tell(answer)
    return int(isinstance(answer, AssemblyFault))


def _answer(request: Path, tell: Callable[[AssemblyAnswer], None]) -> AssemblyResult | AssemblyFault:
    from fishd.assembly.assemble import assemble
    from fishd.assembly.faults import AssemblyError
    from fishd.assembly.request import read_request

    try:
        return assemble(read_request(request), tell)
    except AssemblyError as error:
        return AssemblyFault(error.kind, error.where, error.what, clips=error.clips)
    except OSError as error:
        return AssemblyFault(
            "disk", str(error.filename or ""), error.strerror or str(error), error.errno or 0
        )
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the daemon is told
        traceback.print_exc()
        return AssemblyFault("internal", type(error).__name__, str(error))


if __name__ == "__main__":
    sys.exit(main())
