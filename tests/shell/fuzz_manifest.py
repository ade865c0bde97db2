"""`python -m tests.shell.fuzz_manifest [LIBFUZZER OPTIONS] CORPUS`: fuzzes the parser of manifests."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["fishd.spool", "tomllib"]):
    from fishd.spool.bundle.manifest import parse_manifest


def parse(content: bytes) -> None:
    draft, faults = parse_manifest(content)
    assert draft is not None or faults


if __name__ == "__main__":
    atheris.Setup(sys.argv, parse)
    atheris.Fuzz()
