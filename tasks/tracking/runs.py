"""A training's run in MLflow: logged while it goes on, or delivered later from the files that it left."""

from __future__ import annotations

import csv
import getpass
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import files
from tasks.addresses import shown_address
from tasks.energy import EnergyMeter
from tasks.environment import git_state, reason_of_training
from tasks.errors import UserError, printable
from tasks.params.config import Config
from tasks.params.train import Train
from tasks.paths import Paths, Project
from tasks.tracking import leftovers, store
from tasks.tracking.database import opened
from tasks.tracking.tags import ENERGY_METRIC, ENERGY_TAG, MODEL_TAG, PIPELINE_TAG, REASON_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric, Param

_EVERY = 2.0
"""Seconds between two deliveries of metrics, at least."""

_SHARE = 50
"""A delivery that took t seconds is followed by 50 t without one: a slow server costs 2 % of a training, no more."""

_PARAM_LENGTH = 6000
"""Characters of a parameter's value that MLflow keeps."""

_DIGEST_LENGTH = 36
"""Characters of a data set's digest that MLflow keeps; the profile has the whole one."""

_logger = logging.getLogger(__name__)


class RunLog:
    """Listens to a training and logs it to MLflow; turns itself off, with one warning, at the first call that fails."""

    def __init__(self, client: MlflowClient | None, run_id: str = "") -> None:
        self._client = client
        self._run_id = run_id
        self._waiting: list[Metric] = []
        self._due = time.monotonic() + _EVERY
        self._energy = EnergyMeter()

    def started(self, num_epochs: int) -> None:
        pass

    def epoch_ended(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if self._client is None:
            return
        self._waiting += _epoch_metrics(epoch, metrics)
        if time.monotonic() >= self._due:
            self._flush()

    def ended(self) -> None:
        self._flush()

    def finish(self, paths: Paths) -> bool:
        """Logs the files that the training left and closes the run. Returns whether all of it was delivered."""
        self._flush()
        with self._surviving() as client:
            if client is None:
                return self._close()
            energy = self._energy.read()
            client.log_metric(self._run_id, ENERGY_METRIC, energy.watt_hours)
            client.set_tag(self._run_id, ENERGY_TAG, energy.source)
            _complete(client, self._run_id, paths)
        return self._close()

    def fail(self, *, killed: bool = False) -> None:
        """Closes the run of a training that ended with an error, or with a signal."""
        with self._surviving() as client:
            if client is not None:
                client.set_terminated(self._run_id, "KILLED" if killed else "FAILED")
        self._close()

    def _flush(self) -> None:
        start = time.monotonic()
        with self._surviving() as client:
            if client is not None and self._waiting:
                client.log_batch(self._run_id, metrics=self._waiting)
        # Also where it could not be sent: `deliver` makes all of it up from history.csv.
        self._waiting = []
        now = time.monotonic()
        self._due = now + max(_EVERY, _SHARE * (now - start))

    def _close(self) -> bool:
        """Whether the run was on to the end."""
        delivered = self._client is not None
        self._client = None
        leftovers.end(self._run_id)
        return delivered

    @contextmanager
    def _surviving(self) -> Iterator[MlflowClient | None]:
        if self._client is None:
            yield None
            return
        try:
            yield self._client
        except store.failures() as error:
            warn(shown_address(self._client.tracking_uri), error)
            self._client = None


def open_run(paths: Paths, config: Train) -> RunLog:
    """A run for a training that starts now; one that is off, after a warning, when the store cannot be used."""
    unusable: tuple[type[Exception], ...] = (UserError, *store.failures())
    try:
        client = store.connect(paths.project)
        experiment_id = store.experiment(client, paths.project, paths.pipeline)
        leftovers.sweep(client, experiment_id, paths)
        run_id = _start(client, experiment_id, paths, config.kind, flat_params(config))
    except unusable as error:
        warn(store.shown_uri(paths.project), error)
        return RunLog(None)
    # Else the next run in this process would end this one as cut off.
    leftovers.begin(run_id)
    return RunLog(client, run_id)


def deliver(paths: Paths) -> str:
    """Makes sure that MLflow has the training that lies in the pipeline's folders; returns the run's id.

    The run is found by the model's digest; what is missing is made from the files. Raises UserError when the store
    cannot be used.
    """
    record = files.read_json(paths.run)
    with store.reachable(paths.project):
        client = store.connect(paths.project)
        experiment_id = store.experiment(client, paths.project, paths.pipeline)
        leftovers.sweep(client, experiment_id, paths)
        run_id = find_run(client, paths.project, experiment_id, record["model"])
        if run_id is None:
            run_id = _start(client, experiment_id, paths, record["trainer"], _texts(record["params"]))
            with leftovers.at_work_on(run_id):
                client.log_batch(run_id, metrics=_history_metrics(paths.history))
                _complete(client, run_id, paths)
    # Only now, when all of it is there: until then the next run tries again.
    files.remove(paths.undelivered)
    return run_id


def deliver_waiting(paths: Paths) -> bool:
    """Delivers what an earlier training could not, if there is something. Returns whether nothing waits any more."""
    if not paths.undelivered.exists():
        return True
    try:
        deliver(paths)
    except UserError as error:
        warn(store.shown_uri(paths.project), error)
        return False
    return True


def find_run(client: MlflowClient, project: Project, experiment_id: str, model: str) -> str | None:
    """The id of the newest run that made the model with this digest."""
    # MLflow takes twenty times as long, as it reads all that the run has logged.
    if database := store.local_database(project):
        query = (
            "SELECT run_uuid FROM tags JOIN runs USING (run_uuid) WHERE key = ? AND value = ? AND experiment_id = ? "
            "AND lifecycle_stage = 'active' ORDER BY start_time DESC, run_uuid LIMIT 1"
        )
        with opened(database) as connection:
            row = connection.execute(query, (MODEL_TAG, model, int(experiment_id))).fetchone()
        return str(row[0]) if row else None
    # MLflow lists the newest first.
    runs = client.search_runs([experiment_id], f"tags.`{MODEL_TAG}` = '{model}'", max_results=1)
    return str(runs[0].info.run_id) if runs else None


def flat_params(config: Config) -> dict[str, str]:
    """Parameters as MLflow keeps them: `network.channels: [32, 64]`."""
    return _texts(dict(_flat("", config.model_dump(mode="json"))))


def _flat(prefix: str, content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        # Members of an ensemble, each with settings of its own.
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            yield from _flat(f"{prefix}{name}.", {str(number): one for number, one in enumerate(value)})
        else:
            yield f"{prefix}{name}", value


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:_PARAM_LENGTH] for name, value in params.items()}


def _start(client: MlflowClient, experiment_id: str, paths: Paths, kind: str, params: Mapping[str, str]) -> str:
    """A new run with its parameters."""
    from mlflow.entities import Param

    commit = git_state(paths.project.root)["commit"]
    tags = {
        PIPELINE_TAG: paths.pipeline,
        **leftovers.owner(),
        "mlflow.source.name": f"modelwright run {paths.pipeline}",
        "mlflow.source.type": "JOB",
        "mlflow.user": _user(),
        **({"mlflow.source.git.commit": commit} if commit else {}),
        **({REASON_TAG: reason[:_PARAM_LENGTH]} if (reason := reason_of_training()) else {}),
    }
    run_id = str(client.create_run(experiment_id, tags=tags, run_name=f"{paths.pipeline}-{kind}").info.run_id)
    everything = {**params, "pipeline": paths.pipeline, "trainer": kind}
    logged: list[Param] = [Param(name, value) for name, value in sorted(everything.items())]
    client.log_batch(run_id, params=logged)
    return run_id


def _training_rows(paths: Paths, rows: Mapping[str, Any]) -> DatasetInput:
    """The rows that were learnt from, with our digest of all of them: MLflow's own reads the first 10,000."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    logged = Dataset(
        name=paths.pipeline,
        digest=rows["digest"][:_DIGEST_LENGTH],
        source_type="local",
        source=json.dumps({"uri": paths.relative(paths.augmented)}),
        profile=json.dumps(rows),
    )
    return DatasetInput(logged, [InputTag("mlflow.data.context", "training")])


def _complete(client: MlflowClient, run_id: str, paths: Paths) -> None:
    """What is known at the end. The model's digest comes last: a run that has it is whole.

    The metrics of the state that was kept are `best_...`: under its plain name MLflow shows the last epoch's value.
    """
    from mlflow.entities import Metric

    record = files.read_json(paths.run)
    now = _now()
    metrics = [Metric(f"best_{name}", value, now, 0) for name, value in record["metrics"].items()]
    client.log_batch(run_id, metrics=metrics)
    client.log_inputs(run_id, [_training_rows(paths, record["training_rows"])])
    for file in (paths.history, paths.run, paths.model / "recipe.json"):
        if file.exists():
            client.log_artifact(run_id, str(file))
    client.set_tag(run_id, MODEL_TAG, record["model"])
    client.set_terminated(run_id, "FINISHED")


def _epoch_metrics(epoch: int, metrics: Mapping[str, float]) -> list[Metric]:
    from mlflow.entities import Metric

    now = _now()
    return [Metric(name, float(value), now, epoch) for name, value in metrics.items()]


def _history_metrics(path: Path) -> list[Metric]:
    """history.csv as metrics, with its epochs as steps."""
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    metrics = []
    for row in rows:
        epoch = int(float(row.pop("epoch")))
        metrics += _epoch_metrics(epoch, {name: float(text) for name, text in row.items() if text})
    return metrics


def _user() -> str:
    try:
        return getpass.getuser()
    except KeyError:
        return str(os.getuid())  # a container's user without a name


def _now() -> int:
    return int(time.time() * 1000)


def warn(uri: str, error: Exception) -> None:
    """Says in one line that the store cannot be used."""
    message = "%s: the tracking store cannot be used (%s); nothing is lost: the next run delivers what is missing"
    # A server's answer is anybody's text, and a log is read in a terminal.
    _logger.warning(message, printable(uri), printable(store.reason(error)))
