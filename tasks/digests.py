"""SHA-256 of a file, and one digest for a folder's content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tasks.errors import UserError


def file_digest(path: Path) -> str | None:
    """SHA-256 of the file's bytes; None when there is no file. Raises UserError when a folder is in its place."""
    if path.is_dir():
        raise UserError(f"{path}: a folder in a file's place; remove it and bring the file back (`git checkout`)")
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def folder_digest(folder: Path, pattern: str = "*") -> str:
    """SHA-256 over the relative names of the files below the folder that match, sorted, and what is in each."""
    digest = hashlib.sha256()
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob(pattern) if file.is_file()}
    # A file system lists files in an order of its own, and the digest must not depend on it.
    for name in sorted(files):
        content = hashlib.sha256(files[name].read_bytes()).hexdigest()
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()


def answering_digest(model: str, *beside: Path | None) -> str:
    """Of all that answers: the model folder's digest, and one of it and of the files `beside` it, where it has any.

    The same model with another threshold, or with intervals of another coverage, answers otherwise, and is another
    version.
    """
    digests = [file_digest(path) for path in beside if path is not None]
    if not digests:
        return model
    return hashlib.sha256(f"{'  '.join([model, *map(str, digests)])}\n".encode()).hexdigest()
