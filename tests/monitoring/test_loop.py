"""The loop on a laptop, end to end: rentals grow, labels tell, a training begins that says why, its gate decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks import files
from tasks.tracking import store
from tasks.tracking.registered import registered_model
from tasks.tracking.tags import REASON_TAG
from tests.monitoring.bikes import live, rentals, service
from tests.shared_data import shared

pytestmark = pytest.mark.chain


@pytest.mark.long
@pytest.mark.timeout(600)
def test_answers_that_become_worse_start_a_training_and_the_better_version_goes_on(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.artifacts import Artifact
    from prefect.testing.utilities import prefect_test_harness

    rows = rentals(shared("bike-sharing") / "hour.csv")
    with prefect_test_harness(server_startup_timeout=120):
        monkeypatch.chdir(tmp_path)
        project = service(tmp_path, empty_store, rows, rounds=40)
        january = live(project, rows, 1)
        assert (january.version, january.state) == (1, "degraded")
        assert "larger_loss" in january.fired
        assert january.training == "version 2 is champion"
        # Why stands in the passport and in the run; the look's page lies with the version that was looked at.
        model, client = registered_model(project, "bikes"), store.connect(project)
        assert model.passport is not None
        reason = model.passport["reason"]
        assert reason.startswith("watching bikes version 1: labels of 2012-01-28 to 2012-01-29, larger_loss: ")
        assert files.read_json(project.pipeline("bikes").passport)["reason"] == reason
        run = client.get_run(client.get_model_version("bikes", "2").run_id)
        assert run.data.tags[REASON_TAG] == reason
        first_run = client.get_model_version("bikes", "1").run_id
        assert [one.path for one in client.list_artifacts(first_run, "monitoring")] == ["monitoring/monitoring.html"]
        assert Artifact.get("monitoring-bikes") is not None
        february = live(project, rows, 2)
        assert february.version == 2
        assert february.mae < 0.8 * february.mae_of_first
