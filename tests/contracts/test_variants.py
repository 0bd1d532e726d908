"""A column type, a source, a network and a trainer are added: a file and an entry in a registry each, nothing else."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tasks.paths import Project
from tests.projects import command, make_project, modelwright

pytestmark = pytest.mark.chain

TOYS = Path(__file__).parent / "toys"

FILES = {
    "settings.py": "params/toys.py",
    "column.py": "columns/loudness/column.py",
    "source.py": "sources/toy.py",
    "network.py": "networks/toy.py",
    "trainer.py": "trainers/toy.py",
}
"""Where each toy goes in tasks/."""

SETTINGS = {
    "params/config.py": [('Literal["number", ', 'Literal["loudness", "number", ')],
    "params/normalize.py": [
        ("from tasks.params.config import", "from tasks.params.toys import NormalizeLoudness\n{}"),
        ("    columns: dict[str, NormalizeColumn]", "    loudness: NormalizeLoudness = NormalizeLoudness()\n{}"),
    ],
    "params/sources.py": [
        ("from tasks.params.config import", "from tasks.params.toys import ToySource\n{}"),
        ("    BuiltinSource | ", "    ToySource | {}"),
    ],
    "params/networks.py": [
        ("from tasks.params.config import", "from tasks.params.toys import ToyNetwork\n{}"),
        ("    MlpNetwork | ", "    ToyNetwork | {}"),
    ],
    "params/train.py": [
        ("from tasks.params.config import", "from tasks.params.toys import ToyTrain\n{}"),
        ("SingleTrain = ", "SingleTrain = ToyTrain | "),
    ],
}
"""The settings of each, in the section that they are for."""

ENTRIES = {
    "columns/__init__.py": [
        ("from tasks.columns.number.column import", "from tasks.columns.loudness.column import LoudnessColumn\n{}"),
        ('    "category": CategoryColumn(),', '    "loudness": LoudnessColumn(),\n{}'),
    ],
    "sources/__init__.py": [
        ("from tasks.sources.url import", "from tasks.sources.toy import ToyRows\n{}"),
        ('    "builtin": Builtin,', '    "toy": ToyRows,\n{}'),
    ],
    "networks/__init__.py": [
        ('    "mlp": "tasks.networks.mlp:Mlp",', '    "toy": "tasks.networks.toy:ToyLinear",\n{}')
    ],
    "trainers/__init__.py": [
        ('    "torch": "tasks.trainers.torch:TorchTrainer",', '    "toy": "tasks.trainers.toy:ToyTrainer",\n{}')
    ],
}
"""The entry in each registry. Were an edit needed in any other file, the chain below would not run."""

PARAMS = """\
pipelines:
  toys: &toys
    ingest: {source: {kind: toy}, target: mood}
    validate: {}
    clean: {}
    split: {}
    normalize: {loudness: {scale: 2}}
    augment: {}
    train: {kind: toy}
    evaluate: {}
    register: {metric: accuracy, gate: {accuracy: {min: 0.9}}}
  nets:
    <<: *toys
    train: {kind: torch, network: {kind: toy}, epochs: 30, learning_rate: 0.1, batch_size: 32}
"""

DRAFT = """\
from pathlib import Path
from tasks import files
from tasks.drafting.suite import suite_of_source
from tasks.params.file import load_params
from tasks.paths import Project
project = Project(root=Path.cwd())
for name, pipeline in load_params(project.params).pipelines.items():
    files.write_json(project.pipeline(name).suite, suite_of_source(project, name, pipeline.ingest))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project with the toys in their places."""
    project = make_project(tmp_path_factory.mktemp("toys"), store=empty_store)
    tasks = project.root / "tasks"
    for toy, place in FILES.items():
        (tasks / place).parent.mkdir(exist_ok=True)
        shutil.copyfile(TOYS / toy, tasks / place)
    (tasks / "columns/loudness/__init__.py").write_text("")
    for file, entries in {**SETTINGS, **ENTRIES}.items():
        for line, entry in entries:
            add(tasks / file, line, entry)
    project.params.write_text(PARAMS)
    command(project.root, sys.executable, "-c", DRAFT)
    return project


def add(file: Path, line: str, entry: str) -> None:
    """Puts the entry where the line stands; `{}` in it is that line."""
    text = file.read_text()
    assert text.count(line) == 1, f"{file}: {line}"
    file.write_text(text.replace(line, entry.replace("{}", line)))


@pytest.mark.parametrize("pipeline", ["toys", pytest.param("nets", marks=pytest.mark.long)])
def test_the_chain_runs_with_what_was_added(project: Project, pipeline: str) -> None:
    modelwright(project.root, "run", pipeline, "--plain", "--json")
    paths = project.pipeline(pipeline)
    metrics = json.loads((paths.reports / "metrics.json").read_text())
    assert metrics["accuracy"] == 1.0
    recipe = json.loads(paths.recipe.read_text())
    assert [feature["encoding"] for feature in recipe["features"]] == [{"type": "loudness", "scale": 2.0}]
    assert (paths.reports / "registration.json").exists()
