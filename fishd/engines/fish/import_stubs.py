"""Import fish_speech without the packages that it names at import time but never uses for inference.

`fish_speech` and its codec package `dac` import audiotools, transformers, loralib, librosa and argbind at
module level. Together these take gigabytes and pin numpy to 1.26. While `import_upstream` runs, an import
hook answers for them with stub modules; afterwards the hook and the stubs are removed, so nothing else in
the process sees them. A package that is already imported is left alone.
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

UNUSED_PACKAGES = ("audiotools", "transformers", "loralib", "librosa", "argbind")


def import_upstream(*modules: str) -> list[types.ModuleType]:
    """Import modules of fish_speech with its logging off: it logs at DEBUG to stderr, the texts included."""
    with stubbed_imports():
        loaded = [importlib.import_module(name) for name in modules]
    importlib.import_module("loguru").logger.disable("fish_speech")
    return loaded


@contextmanager
def stubbed_imports() -> Generator[None]:
    """Within this block the unused packages import as stubs; none of them stays in sys.modules."""
    finder = StubFinder([name for name in UNUSED_PACKAGES if name not in sys.modules])
    sys.meta_path.insert(0, finder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # upstream uses torch.jit.script and weight_norm, both deprecated
            yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, StubModule)]:
            del sys.modules[name]


class StubObject:
    """Accepts any call and any attribute; used as a decorator, it returns the decorated object."""

    def __init__(self, *_args: object, **_options: object) -> None: ...

    def __call__(self, *args: object, **options: object) -> object:
        return args[0] if len(args) == 1 and callable(args[0]) and not options else StubObject()

    def __getattr__(self, name: str) -> object:
        return _stub_attribute(name)

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return (object,)


class StubModule(types.ModuleType):
    """A module that has every attribute."""

    __path__ = []  # noqa: RUF012 - marks it as a package for the import system

    def __getattr__(self, name: str) -> object:
        return _stub_attribute(name)


class StubFinder(MetaPathFinder, Loader):
    """Finds and loads a stub for each of `names` and everything below them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the import system's signature
        target: types.ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> ModuleSpec | None:
        is_stubbed = fullname.partition(".")[0] in self.names
        return ModuleSpec(fullname, self, is_package=True) if is_stubbed else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return StubModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__name__ == "audiotools":
            _define_audiotools(module)


def _stub_attribute(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(name)
    return StubObject()


def _define_audiotools(module: types.ModuleType) -> None:
    """The three audiotools names that the codec's classes inherit from."""
    from torch import nn

    class BaseModel(nn.Module):
        INTERN: list[str] = []  # noqa: RUF012 - the codec package appends to both
        EXTERN: list[str] = []  # noqa: RUF012

        @property
        def device(self) -> object:
            return next(self.parameters()).device

    ml = StubModule("audiotools.ml")
    ml.__dict__["BaseModel"] = BaseModel
    sys.modules["audiotools.ml"] = ml
    module.__dict__.update(
        ml=ml, AudioSignal=type("AudioSignal", (), {}), STFTParams=type("STFTParams", (), {})
    )
