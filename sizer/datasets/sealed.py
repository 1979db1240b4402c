"""Copies in the cache that are hashed before they are used again."""

import hashlib
import shutil
from pathlib import Path

from sizer.datasets.fingerprint import content_digest
from sizer.io import ANOTHER_CACHE, replacing

SEAL = "seal.sha256"


def seal(folder: Path) -> None:
    """Write down the hash of all that a folder holds, unless that was done before."""
    if not (folder / SEAL).exists():
        digest = _digest(folder)
        with replacing(folder / SEAL, ANOTHER_CACHE) as partial:
            partial.write_text(digest)


def is_sealed(folder: Path) -> bool:
    """Whether what a folder holds was complete once."""
    return (folder / SEAL).exists()


def require_same(folder: Path) -> None:
    """Remove a folder that is not as it was sealed: damaged, or left unfinished."""
    try:
        same = (folder / SEAL).read_text() == _digest(folder)
    except (OSError, ValueError):
        same = False
    if not same:
        shutil.rmtree(folder, ignore_errors=True)


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != SEAL and file.suffix != ".lock":
            whole.update(f"{file.relative_to(folder)}\0".encode() + content_digest(file))
    return whole.hexdigest()
