"""Importing the model's package without the packages that it names and, when speaking, never uses.

`fish_speech` and the codec package `dac` import audiotools, transformers, loralib, librosa and argbind at
the top of their modules; together they weigh gigabytes and pin numpy to 1.26. While `package()` imports the
modules that the engine needs, a finder answers for those names; afterwards it is gone again, and so are
its modules, so nothing else in the process ever meets them. A name that is already imported is left as is.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
from __future__ import annotations

import importlib
import sys
import types
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

NEVER_USED = ("audiotools", "transformers", "loralib", "librosa", "argbind")


class Anything:
    """Takes any call and any attribute; as a decorator it returns what it decorates."""

    def __init__(self, *_args: object, **_options: object) -> None: ...

    def __call__(self, *args: object, **options: object) -> object:
        return args[0] if len(args) == 1 and callable(args[0]) and not options else Anything()

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return (object,)


class StandIn(types.ModuleType):
    """A module that has every name."""

    __path__ = []  # noqa: RUF012 - a package, as far as the import system cares

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class Finder(MetaPathFinder, Loader):
    """Answers for `names` and everything below them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the import system's signature
        target: types.ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> ModuleSpec | None:
        covered = fullname.partition(".")[0] in self.names
        return ModuleSpec(fullname, self, is_package=True) if covered else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__name__ == "audiotools":
            _furnish_audiotools(module)


@contextmanager
def stand_ins() -> Generator[None]:
    """Answer for the unused packages within this block; leave no trace of them after it."""
    names = [name for name in NEVER_USED if name not in sys.modules]
    finder = Finder(names)
    sys.meta_path.insert(0, finder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit.script, weight_norm: theirs to mend
            yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, StandIn)]:
            del sys.modules[name]


def package(*modules: str) -> list[types.ModuleType]:
    """Import modules of the model's package, quietly: it logs at DEBUG to stderr, the text included."""
    with stand_ins():
        loaded = [importlib.import_module(name) for name in modules]
    importlib.import_module("loguru").logger.disable("fish_speech")
    return loaded


def _furnish_audiotools(module: types.ModuleType) -> None:
    """The three names of audiotools that the codec's classes are built on."""
    from torch import nn

    class BaseModel(nn.Module):
        INTERN: list[str] = []  # noqa: RUF012 - the codec package appends to both
        EXTERN: list[str] = []  # noqa: RUF012

        @property
        def device(self) -> object:
            return next(self.parameters()).device

    ml = StandIn("audiotools.ml")
    ml.__dict__["BaseModel"] = BaseModel
    sys.modules["audiotools.ml"] = ml
    module.__dict__.update(
        ml=ml, AudioSignal=type("AudioSignal", (), {}), STFTParams=type("STFTParams", (), {})
    )
