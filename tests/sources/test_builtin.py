from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn import datasets

from tasks.params.sources import BuiltinSource
from tasks.sources import source
from tests.small_tables import place


def test_digits_are_pictures_of_the_scans() -> None:
    (part,) = source(BuiltinSource(kind="builtin", name="digits"), place(Path())).parts()
    scans = datasets.load_digits()
    pictures = np.stack([np.asarray(Image.open(io.BytesIO(content))) for content in part["image"]])
    assert pictures.shape == (1797, 8, 8)
    assert np.array_equal(pictures, np.round(scans.images * 255 / 16).astype(np.uint8))
    assert part["digit"].to_list() == [str(digit) for digit in scans.target]


@pytest.mark.parametrize(
    ("name", "target", "classes"),
    [
        ("breast_cancer", "diagnosis", {"malignant": 212, "benign": 357}),
        ("iris", "species", {"setosa": 50, "versicolor": 50, "virginica": 50}),
        ("wine", "cultivar", {"class_0": 59, "class_1": 71, "class_2": 48}),
    ],
)
def test_classes_have_names(name: str, target: str, classes: dict[str, int]) -> None:
    rows = source(BuiltinSource.model_validate({"kind": "builtin", "name": name}), place(Path()))
    (part,) = rows.parts()
    assert dict(part[target].value_counts().rows()) == classes
    assert set(part.columns) == set(rows.types)
    assert part.columns[:-1] == list(getattr(datasets, f"load_{name}")().feature_names)


def test_digests_differ_between_sets_and_not_between_calls() -> None:
    names = ("breast_cancer", "diabetes", "digits", "iris", "wine")
    configs = [BuiltinSource(kind="builtin", name=name) for name in names]
    digests = [source(config, place(Path())).digest() for config in configs]
    assert len(set(digests)) == len(names)
    assert digests == [source(config, place(Path("elsewhere"))).digest() for config in configs]


@pytest.mark.parametrize("settings", ['{"kind": "builtin", "name": "digits"}', '{"kind": "table", "path": "data.csv"}'])
def test_a_digest_imports_nothing_heavy(tmp_path: Path, settings: str) -> None:
    (tmp_path / "data.csv").write_text("x,y\n1,2\n")
    script = (
        "import sys; from pathlib import Path; from pydantic import TypeAdapter\n"
        "from tasks import sources; from tasks.params.sources import Source; from tasks.sources.base import Place\n"
        f"config = TypeAdapter(Source).validate_json('{settings}')\n"
        f"place = Place(root=Path({str(tmp_path)!r}), downloads=Path())\n"
        "sources.source(config, place).digest()\n"
        "print([name for name in ('polars', 'sklearn', 'numpy', 'PIL') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
