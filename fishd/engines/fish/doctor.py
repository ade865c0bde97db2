"""Is all there that the fish engine needs? One finding a line, as JSON, each with a mend.

    python -m fishd.engines.fish.doctor CHECKPOINT [PRECISION]

Run in a process of its own, because it imports torch. Weights are compared by name and shape from the
memory-mapped files: nothing is loaded onto a device.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

PACKAGES = {  # name -> the version that this engine was written for, or the least that will do
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
    """What was looked at, whether it is well, what was seen, and what to do if it is not."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def findings(checkpoint: Path, precision: str = "bfloat16") -> Iterator[Finding]:
    """All findings; what cannot be looked at because something before it is missing is left out."""
    packages = [look_at_package(name, wanted) for name, wanted in PACKAGES.items()]
    yield from packages
    if not all(finding.ok for finding in packages):
        return
    imports = attempt("fish: the model's code", INSTALL, import_model_code)
    yield imports
    yield from look_at_device(precision)
    files = look_at_files(checkpoint)
    yield files
    if imports.ok and files.ok:
        yield attempt(
            "fish: model.pth", files.mend or download(checkpoint), lambda: look_at_model(checkpoint)
        )
        yield attempt(
            "fish: codec.pth", files.mend or download(checkpoint), lambda: look_at_codec(checkpoint)
        )


def look_at_package(name: str, wanted: str) -> Finding:
    """Is it installed, in a version that will do?"""
    label = f"fish: {name}"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(label, ok=False, detail="is not installed", mend=INSTALL)
    least = wanted.removeprefix(">=") if wanted.startswith(">=") else ""
    fits = numbers(version) >= numbers(least) if least else not wanted or version == wanted.removeprefix("==")
    return Finding(label, fits, version if fits else f"is {version}, not {wanted}", "" if fits else INSTALL)


def numbers(version: str) -> tuple[int, ...]:
    """2.13.0+cpu -> (2, 13, 0)."""
    parts = version.partition("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())


def import_model_code() -> str:
    """Import what the engine imports, with the stand-ins in place."""
    from fishd.engines.fish.codec.build import MODULES
    from fishd.engines.fish.import_stubs import UNUSED_PACKAGES, import_upstream

    import_upstream("fish_speech.models.text2semantic.llama", "fish_speech.content_sequence", *MODULES)
    return f"imports, with stand-ins for {', '.join(UNUSED_PACKAGES)}"


def look_at_device(precision: str) -> Iterator[Finding]:
    """CUDA, and what the cards can do. No card is no fault: the engine also runs on a CPU, slowly."""
    import torch

    if not torch.cuda.is_available():
        mend = "" if torch.version.cuda else "to use a GPU, install a CUDA build of torch"
        yield Finding("fish: CUDA", ok=True, detail="none; speech will be slow on the CPU", mend=mend)
        return
    for index in range(torch.cuda.device_count()):
        capability, card = torch.cuda.get_device_capability(index), torch.cuda.get_device_name(index)
        fits = precision != "bfloat16" or capability >= BF16_CAPABILITY
        detail = f"{card}, compute capability {capability[0]}.{capability[1]}, {precision}"
        mend = "" if fits else 'this card has no bfloat16: set engine.precision to "float16"'
        yield Finding(f"fish: CUDA device {index}", fits, detail, mend)


def look_at_files(checkpoint: Path) -> Finding:
    """Is every file of a checkpoint there?"""
    from fishd.engines.fish.checkpoint.files import FILES, missing_files

    missing = missing_files(checkpoint)
    detail = (
        f"{checkpoint}: {', '.join(missing)} not found" if missing else f"{checkpoint}: {len(FILES)} files"
    )
    return Finding("fish: checkpoint", not missing, detail, download(checkpoint) if missing else "")


def download(checkpoint: Path) -> str:
    return (
        f"accept the licence at https://huggingface.co/fishaudio/openaudio-s1-mini, then "
        f"`hf download fishaudio/openaudio-s1-mini --local-dir {checkpoint}`"
    )


def look_at_model(checkpoint: Path) -> str:
    """Every weight of the model, in its shape, and a tokenizer that fits it."""
    from fishd.engines.fish.checkpoint.files import model_weights, require_weights
    from fishd.engines.fish.model.weights import meta_model

    module = meta_model(checkpoint)
    require_weights(checkpoint / "model.pth", module, model_weights(checkpoint))
    return f"all {len(list(module.parameters()))} weights, {count(module)}"


def look_at_codec(checkpoint: Path) -> str:
    """Every weight of the codec, in its shape."""
    from fishd.engines.fish.checkpoint.files import codec_weights, require_weights
    from fishd.engines.fish.codec.build import meta_codec

    module = meta_codec(checkpoint)
    require_weights(checkpoint / "codec.pth", module, codec_weights(checkpoint))
    return f"all {len(list(module.parameters()))} weights, {count(module)}"


def count(module: object) -> str:
    """How many parameters, in millions."""
    total = sum(parameter.numel() for parameter in module.parameters())  # type: ignore[attr-defined]  # an nn.Module
    return f"{total / 1e6:.1f} M parameters"


def attempt(name: str, mend: str, look: Callable[[], str]) -> Finding:
    """A finding from what a look returns, or from what it raises."""
    try:
        return Finding(name, ok=True, detail=look())
    except Exception as error:  # noqa: BLE001 - whatever is wrong is what the user asked to be told
        return Finding(name, ok=False, detail=f"{type(error).__name__}: {error}", mend=mend)


def main(arguments: list[str]) -> int:
    """Print the findings; 0 if all is well."""
    checkpoint, precision = Path(arguments[0] if arguments else ""), (arguments[1:] or ["bfloat16"])[0]
    well = True
    for finding in findings(checkpoint, precision):
        print(json.dumps(asdict(finding)), flush=True)
        well &= finding.ok
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
