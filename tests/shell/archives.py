"""Builders of archives for tests."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path


def zipped(folder: Path, target: Path, top: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{top}{path.relative_to(folder)}")
    return target


def tarred(folder: Path, target: Path, top: str = ".", mode: str = "w") -> Path:
    with tarfile.open(target, mode) as archive:
        archive.add(folder, top)
    return target


def tarred_gz(folder: Path, target: Path) -> Path:
    return tarred(folder, target, top="Episode 3", mode="w:gz")


def zip_of(target: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return target


def tar_of(target: Path, *members: tarfile.TarInfo, content: bytes = b"", **options: int) -> Path:
    with tarfile.open(target, "w", **options) as archive:
        for info in members:
            info.size = info.size or (len(content) if info.isreg() else 0)
            archive.addfile(info, io.BytesIO(content))
    return target


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made
