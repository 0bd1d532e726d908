"""The real data sets beside the repository: tests use them when they are there, and say so when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects import REPOSITORY


def shared(name: str) -> Path:
    """A file or folder of ../shared/data; skips the test, saying why, when it is not there."""
    path = REPOSITORY.parent / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}, real data that do not come with the repository")
    return path


def case(name: str) -> Path:
    """A small made-up file of ../shared/cases that was read wrongly once; skips the test when it is not there."""
    path = REPOSITORY.parent / "shared" / "cases" / name
    if not path.exists():
        pytest.skip(f"needs ../shared/cases/{name}, which does not come with the repository")
    return path
