"""Checks of everything that the fish engine needs, printed as one JSON finding per line.

    python -m fishd.engines.fish.doctor CHECKPOINT [PRECISION]

It imports torch, so it runs in a process of its own. Weights are compared by name and shape from
memory-mapped files; nothing is loaded onto a device.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

PACKAGES = {  # name -> the exact or least version that this engine supports, "" for any
    "torch": ">=2.8",
    "fish-speech": "==0.1.0",
    "descript-audio-codec": "==1.0.0",
    "einops": "",
    "hydra-core": "",
    "omegaconf": "",
    "loguru": "",
    "tiktoken": "",
    "soundfile": "",
    "soxr": "",
}
INSTALL = "run `make install-fish` (docs/fish.md says what it does)"
BF16_CAPABILITY = (8, 0)  # Ampere


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what it found, and how to fix it if it is not ok."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def findings(checkpoint: Path, precision: str = "bfloat16") -> Iterator[Finding]:
    """The results of all checks, without those that need something which is missing."""
    packages = [check_package(name, wanted) for name, wanted in PACKAGES.items()]
    yield from packages
    if not all(finding.ok for finding in packages):
        return
    imports = run_check("fish: the model's code", INSTALL, import_model_code)
    yield imports
    yield from check_devices(precision)
    files = check_files(checkpoint)
    yield files
    if imports.ok and files.ok:
        fix = download(checkpoint)
        yield run_check("fish: model.pth", fix, lambda: check_model(checkpoint))
        yield run_check("fish: codec.pth", fix, lambda: check_codec(checkpoint))


def check_package(name: str, wanted: str) -> Finding:
    """Whether a package is installed in a supported version."""
    label = f"fish: {name}"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(label, ok=False, detail="is not installed", fix=INSTALL)
    least = wanted.removeprefix(">=") if wanted.startswith(">=") else ""
    fits = numbers(version) >= numbers(least) if least else not wanted or version == wanted.removeprefix("==")
    return Finding(label, fits, version if fits else f"is {version}, not {wanted}", "" if fits else INSTALL)


def numbers(version: str) -> tuple[int, ...]:
    """2.13.0+cpu -> (2, 13, 0)."""
    parts = version.partition("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())


def import_model_code() -> str:
    """Import what the engine imports, with the stubs in place."""
    from fishd.engines.fish.codec.build import MODULES
    from fishd.engines.fish.import_stubs import UNUSED_PACKAGES, import_upstream

    import_upstream("fish_speech.models.text2semantic.llama", "fish_speech.content_sequence", *MODULES)
    return f"imports, with stubs for {', '.join(UNUSED_PACKAGES)}"


def check_devices(precision: str) -> Iterator[Finding]:
    """Each GPU and whether it supports the precision. No GPU is no fault: the engine also runs on a CPU."""
    import torch

    if not torch.cuda.is_available():
        fix = "" if torch.version.cuda else "to use a GPU, install a CUDA build of torch"
        yield Finding("fish: CUDA", ok=True, detail="none; speech will be slow on the CPU", fix=fix)
        return
    for index in range(torch.cuda.device_count()):
        capability, card = torch.cuda.get_device_capability(index), torch.cuda.get_device_name(index)
        fits = precision != "bfloat16" or capability >= BF16_CAPABILITY
        detail = f"{card}, compute capability {capability[0]}.{capability[1]}, {precision}"
        fix = "" if fits else 'this card has no bfloat16: set engine.precision to "float16"'
        yield Finding(f"fish: CUDA device {index}", fits, detail, fix)


def check_files(checkpoint: Path) -> Finding:
    """Whether the checkpoint folder holds every file."""
    from fishd.engines.fish.checkpoint.files import FILES, missing_files

    if missing := missing_files(checkpoint):
        detail = f"{checkpoint}: {', '.join(missing)} not found"
        return Finding("fish: checkpoint", ok=False, detail=detail, fix=download(checkpoint))
    return Finding("fish: checkpoint", ok=True, detail=f"{checkpoint}: {len(FILES)} files")


def download(checkpoint: Path) -> str:
    return (
        f"accept the licence at https://huggingface.co/fishaudio/openaudio-s1-mini, then "
        f"`hf download fishaudio/openaudio-s1-mini --local-dir {checkpoint}`"
    )


def check_model(checkpoint: Path) -> str:
    """Every weight of the model, in its shape, and a tokenizer that fits it."""
    from fishd.engines.fish.checkpoint.files import model_weights, require_weights
    from fishd.engines.fish.model.weights import meta_model

    module = meta_model(checkpoint)
    require_weights(checkpoint / "model.pth", module, model_weights(checkpoint))
    return describe_weights(module)


def check_codec(checkpoint: Path) -> str:
    """Every weight of the codec, in its shape."""
    from fishd.engines.fish.checkpoint.files import codec_weights, require_weights
    from fishd.engines.fish.codec.build import meta_codec

    module = meta_codec(checkpoint)
    require_weights(checkpoint / "codec.pth", module, codec_weights(checkpoint))
    return describe_weights(module)


def describe_weights(module: object) -> str:
    sizes = [parameter.numel() for parameter in module.parameters()]  # type: ignore[attr-defined]  # an nn.Module
    return f"all {len(sizes)} weights, {sum(sizes) / 1e6:.1f} M parameters"


def run_check(name: str, fix: str, check: Callable[[], str]) -> Finding:
    """A finding from what a check returns or raises."""
    try:
        return Finding(name, ok=True, detail=check())
    except Exception as error:  # noqa: BLE001 - the finding reports any error
        return Finding(name, ok=False, detail=f"{type(error).__name__}: {error}", fix=fix)


def main(arguments: list[str]) -> int:
    """Print the findings; 0 if all are ok."""
    checkpoint, precision = Path(arguments[0] if arguments else ""), (arguments[1:] or ["bfloat16"])[0]
    is_ok = True
    for finding in findings(checkpoint, precision):
        print(json.dumps(asdict(finding)), flush=True)
        is_ok &= finding.ok
    return 0 if is_ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
