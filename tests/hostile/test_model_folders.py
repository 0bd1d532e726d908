"""The JSON beside a model, as a person may send it: one message each, whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks import files
from tasks.errors import UserError
from tasks.model_input.inputs import Spec
from tasks.recipe.recipe import read_recipe
from tasks.recipe.trained_networks import read_network
from tasks.trainers import load, requirements
from tasks.trainers.base import write_model
from tasks.trainers.torch.fine_tuning import read_weights

SPEC = Spec(fields=(), task="regression", classes=())

CONTENTS = [
    b"",
    b"[]",
    b"null",
    b"7",
    b"\xff",
    b"{",
    b"[" * 100_000,
    b"1" * 10_000,
    b'{"trainer": "torch"}',
    b'{"trainer": ["torch"], "weights": 7}',
    b'{"trainer": "../../torch", "weights": {"file": "x", "sha256": "y"}}',
    b'{"trainer": "torch", "weights": {"file": "x", "sha256": "y"}}',
    b'{"trainer": "torch", "format": 1, "reads": {"fields": 7}, "train": {"network": {"kind": "cnn"}}}',
    b'{"features": [{"name": "a", "encoding": {"type": "os.system"}}]}',
    b'{"features": NaN}',
]

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "init_from": ("model.json", read_weights),
    "embed": ("model.json", lambda folder: read_network(folder, "normalize.x")),
    "predict": ("model.json", lambda folder: load(folder, SPEC)),
    "package": ("model.json", requirements),
    "recipe": ("recipe.json", lambda folder: read_recipe(folder / "recipe.json")),
}


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content[:40].decode(errors="replace"))
@pytest.mark.parametrize("reader", READERS)
def test_json_that_nobody_wrote_gets_one_message(tmp_path: Path, reader: str, content: bytes) -> None:
    name, read = READERS[reader]
    (tmp_path / name).write_bytes(content)
    # Whose model it is, is all that a package wants to know.
    if reader == "package" and b'"trainer": "torch"' in content:
        return
    with pytest.raises(UserError, match=str(tmp_path)) as refusal:
        read(tmp_path)
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("settings", [{}, {"train": 7, "target": {}}, {"train": {"kind": "torch"}, "target": []}])
def test_settings_of_a_network_that_nobody_wrote_get_one_message(tmp_path: Path, settings: dict[str, Any]) -> None:
    write_model(tmp_path, "torch", SPEC, "model.safetensors", b"", **settings)
    with pytest.raises(UserError, match=r"model\.json: damaged"):
        load(tmp_path, SPEC)


def test_a_folder_in_a_files_place_gets_one_message(tmp_path: Path) -> None:
    for name in ("model.json", "recipe.json"):
        (tmp_path / name).mkdir()
    for read in (read_weights, lambda folder: read_recipe(folder / "recipe.json")):
        with pytest.raises(UserError):
            read(tmp_path)
    with pytest.raises(UserError):
        files.read_json(tmp_path)
