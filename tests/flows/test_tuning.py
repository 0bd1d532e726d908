"""The flow `tuning` on a real test server: the trials of the command, and a table on its page."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

import flows.tuning
from tasks.params.pipeline import Pipeline
from tests.tuning.searches import BLOCK, project_of, sums

pytestmark = pytest.mark.chain


def test_trials_are_made_and_the_page_has_a_table(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.artifacts import Artifact
    from prefect.testing.utilities import prefect_test_harness

    from flows.tuning import tuning

    project = project_of(tmp_path, BLOCK, empty_store, sums=sums(120))
    before = project.params.read_text()
    with prefect_test_harness(server_startup_timeout=120):
        monkeypatch.chdir(project.root)
        turns: list[str] = []

        def in_turn(stage: str, pipeline: Pipeline) -> AbstractContextManager[None]:
            turns.append(f"{stage} {pipeline.train.kind}")
            return nullcontext()

        monkeypatch.setattr(flows.tuning, "in_turn", in_turn)
        outcome = tuning(pipeline="sums", trials=3)
        assert len(outcome["trials"]) == 3
        # As a training does, which tests/flows/test_gpu_slots.py shows.
        assert turns == ["train sklearn"]
        artifact = Artifact.get("tuning-sums")
        assert artifact is not None
        rows = json.loads(str(artifact.data))
        assert [row["trial"] for row in rows[:2]] == ["as it is", "chosen fairly"]
        assert rows[0]["rmse"] == outcome["as_it_is"]
        assert rows[2]["trial"] == f"trial {outcome['best']['number']}"
        assert len(rows) == 5
    assert project.params.read_text() == before
