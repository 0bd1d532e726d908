"""Four pipelines that start at once in a new project wait for each other, and none loses what another wrote."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.paths import STAGES
from tests.projects import environment, make_project

pytestmark = pytest.mark.chain

BLOCK = """\
  {name}:
    ingest: {{source: {{kind: builtin, name: breast_cancer}}, target: diagnosis}}
    validate: {{}}
    clean: {{}}
    split: {{}}
    normalize: {{}}
    augment: {{}}
    train: {{kind: lightgbm, num_iterations: 20, num_leaves: 7}}
    evaluate: {{positive: malignant}}
    register: {{metric: roc_auc, gate: {{roc_auc: {{min: 0.8}}}}}}
"""

OPTIONS = {"a": ["--plain"], "b": ["--plain"], "c": ["--plain"], "d": []}
"""One of them as a Prefect flow."""


@pytest.mark.long
def test_four_pipelines_at_once(tmp_path: Path) -> None:
    """Nothing is there yet: no store of MLflow, no lock and cache of DVC."""
    params = "pipelines:\n" + "".join(BLOCK.format(name=name) for name in OPTIONS)
    project = make_project(tmp_path, params)
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "tasks.command.cli", "run", name, *options],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, options in OPTIONS.items()
    ]
    outputs = [run.communicate(timeout=280)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0, 0], "\n".join(outputs)
    lock = project.lock.read_text()
    assert [entry for name in OPTIONS for entry in STAGES if f"\n  {entry}@{name}:\n" not in lock] == []
    with sqlite3.connect(project.tracking / "mlflow.db") as store:
        assert store.execute("select name, version from model_versions order by name").fetchall() == [
            (name, 1) for name in OPTIONS
        ]
