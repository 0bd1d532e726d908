"""The pictures of docs/preparation.md can be made, and stand in the page."""

from __future__ import annotations

import importlib.util
import io
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from tests.projects import REPOSITORY

DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("preparation_pictures", DOCS / "preparation_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["augmentation", "fit"])
def test_a_picture_can_be_made_and_stands_in_the_page(pictures: ModuleType, name: str) -> None:
    made = Image.open(io.BytesIO(getattr(pictures, name)()))
    shown = Image.open(DOCS / f"{name}.png")
    assert made.size == shown.size
    # The last bits of resampled pixels are another machine's own.
    apart = np.abs(np.asarray(made.convert("RGB"), dtype=float) - np.asarray(shown.convert("RGB"), dtype=float))
    assert apart.mean() < 1
    assert f"({name}.png)" in (DOCS / "preparation.md").read_text(encoding="utf-8")
