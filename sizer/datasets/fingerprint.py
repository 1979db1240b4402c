"""Hashes of a data set's content."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from sizer.datasets.parallel import in_parallel


def content_digest(file: Path) -> bytes:
    """SHA-256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def fingerprint(
    files: Sequence[Path],
    root: Path,
    classes: Iterable[str] = (),
    digests: Sequence[bytes] | None = None,
) -> str:
    """SHA-256 over the files' names relative to `root`, their digests, and the class names.

    Where the set lies does not matter, nor the name of a set that is a single file. Names may hold
    bytes that are no UTF-8. digests: of the files, where they are known.
    """
    whole = hashlib.sha256()
    for name in classes:
        whole.update(b"class %b\0" % os.fsencode(name))
    if digests is None:
        digests = in_parallel(content_digest, files)
    for file, digest in zip(files, digests, strict=True):
        whole.update(b"file %b\0" % os.fsencode(file.relative_to(root).as_posix()))
        whole.update(digest)
    return whole.hexdigest()
