"""Hash of a data set's content."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path


def fingerprint(files: Sequence[Path], root: Path, classes: Iterable[str] = ()) -> str:
    """SHA-256 over the files' names relative to `root`, their bytes, and the class names.

    Where the set lies does not matter, nor the name of a set that is a single file.
    """
    digest = hashlib.sha256()
    for name in classes:
        digest.update(f"class {name}\0".encode())
    for file in files:
        digest.update(f"file {file.relative_to(root).as_posix()}\0".encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
