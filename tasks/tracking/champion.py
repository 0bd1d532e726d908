"""The champion: which version it is, and what it answers to today's rows, in a process of its own with its own code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks import files
from tasks.environment import ANSWERS_ALONE
from tasks.errors import UserError
from tasks.paths import Paths, Project
from tasks.promotion.contest import NotComparableError, Promotion
from tasks.promotion.reigns import former_champion
from tasks.tracking import store
from tasks.tracking.alias_history import look
from tasks.tracking.contents import damage, local_folder
from tasks.tracking.known_aliases import read_version
from tasks.tracking.packed_model import model_within
from tasks.tracking.tags import CHAMPION, LEARNT_ROWS, MODEL_TAG, PROMOTION_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

_PROCESS = Path(__file__).with_name("champion_process.py")
_REASON_LENGTH = 300
_GONE = "its files are gone from the store, or are no model"


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The version that is live. `model` is the digest of its model, `passport` what it came from, where it has these;
    `promotion` is why it became champion."""

    version: int
    source: str
    run_id: str | None
    model: str | None
    metrics: Mapping[str, float]
    passport: Mapping[str, Any] | None
    promotion: Promotion | None


def find_champion(paths: Paths) -> Champion | None:
    """The champion among the pipeline's versions; None when there is none yet.

    Raises UserError when the registry cannot be reached.
    """
    with store.reachable(paths.project):
        client = store.connect(paths.project)
        number = champion_number(client, paths.pipeline)
        # A registry that was restored in part may have an alias for a version that it has no more.
        version = None if number is None else read_version(client, paths.pipeline, number)
        return None if version is None else _of_version(client, paths, version)


def vanished_champion(paths: Paths) -> int | None:
    """The version that was champion last, where none is now; None where there never was one.

    Raises UserError when the registry cannot be reached.
    """
    with store.reachable(paths.project):
        client = store.connect(paths.project)
        if _registered_model(client, paths.pipeline) is None:
            return None
        return former_champion(look(paths.project, client, paths.pipeline).records, None)


def find_version(paths: Paths, number: int) -> Champion:
    """Any version, as what it is when it is compared: in the champion's place. Raises UserError as `find_champion`."""
    with store.reachable(paths.project):
        client = store.connect(paths.project)
        return _of_version(client, paths, client.get_model_version(paths.pipeline, str(number)))


def _of_version(client: MlflowClient, paths: Paths, version: ModelVersion) -> Champion:
    tags = version.tags
    return Champion(
        version=int(version.version),
        source=_place(client, str(version.source)),
        run_id=version.run_id,
        model=tags.get(MODEL_TAG),
        metrics={name.removeprefix("test_"): float(tags[name]) for name in tags if name.startswith("test_")},
        passport=_passport(client, version, paths),
        promotion=Promotion.model_validate_json(tags[PROMOTION_TAG]) if PROMOTION_TAG in tags else None,
    )


def _place(client: MlflowClient, source: str) -> str:
    """Where a version's files lie: one that MLflow itself registered names the model that it had logged."""
    from mlflow.exceptions import MlflowException

    logged = re.fullmatch(r"models:/(m-[0-9a-f]+)", source)
    if logged is None:
        return source
    try:
        return str(client.get_logged_model(logged[1]).artifact_location)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return source


def champion_number(client: MlflowClient, name: str) -> int | None:
    """The number of the version that is live now; None when none is, or there is no such model."""
    return alias_number(client, name, CHAMPION)


def alias_number(client: MlflowClient, name: str, alias: str) -> int | None:
    """The number of the version that bears the alias now; None when none does, or there is no such model."""
    model = _registered_model(client, name)
    number = None if model is None else model.aliases.get(alias)
    return None if number is None else int(number)


def _registered_model(client: MlflowClient, name: str) -> RegisteredModel | None:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def champion_answers(champion: Champion, rows: Path, paths: Paths, minutes: float) -> pl.DataFrame:
    """What the champion answers to raw rows, a folder of parts: `prediction`, and `probability_CLASS` for classes.

    Its own code does it, which MLflow keeps beside the model: modules of the same names are loaded once a process, so
    that two versions in one process would both be answered by the first one's code. Raises NotComparableError when it
    cannot be loaded or does not answer, UserError when the registry cannot be reached.
    """
    with files.scratch(paths.checkpoints) as scratch, _fetched(champion, paths.project, scratch) as model:
        target = scratch / "answers.parquet"
        _run([str(model), str(rows), str(target)], paths.project, scratch, minutes)
        return pl.read_parquet(target)


@contextmanager
def _fetched(champion: Champion, project: Project, scratch: Path) -> Iterator[Path]:
    """The champion's folder as MLflow keeps it; a local store's own, else a copy for as long as it is needed."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    with store.reachable(project):
        uri = store.connect(project).tracking_uri
        local = local_folder(champion.source)
        try:
            folder = download_artifacts(
                artifact_uri=champion.source, dst_path=None if local else str(scratch), tracking_uri=uri
            )
        except MlflowException as error:
            # A server says it within what it says of each file.
            if "RESOURCE_DOES_NOT_EXIST" not in (error.error_code, *re.findall(r"RESOURCE_\w+", str(error))):
                raise
            raise NotComparableError(_GONE) from error
    if not (Path(folder) / "MLmodel").is_file():
        raise NotComparableError(_GONE)
    if wrong := damage(Path(folder)):
        raise NotComparableError(f"of its files in the store, {wrong}")
    try:
        model_within(Path(folder), f"version {champion.version}")
    except UserError as error:
        raise NotComparableError(str(error)) from error
    yield Path(folder)


def _run(arguments: list[str], project: Project, scratch: Path, minutes: float) -> None:
    # -P keeps this folder, in which MLflow's names would be ours, off the path; PYTHONPATH stays, as a champion may
    # need a package that lies there. What it says goes to a file: a pipe that nobody reads would stop it.
    command = [sys.executable, "-P", "-W", "ignore", str(_PROCESS), *arguments]
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                command,
                cwd=project.root,
                stdout=output,
                stderr=output,
                timeout=60 * minutes,
                env=model_environment(scratch),
            )
        except subprocess.TimeoutExpired as error:
            raise NotComparableError(f"no answer in {minutes:g} minutes, register.champion_minutes") from error
        output.seek(0)
        if done.returncode:
            message = output.read().decode(errors="replace")
            # Without the place of this project: verdict.json is to be the same wherever it was made.
            raise NotComparableError(last_words(done.returncode, message.replace(f"{project.root}/", "")))


def model_environment(scratch: Path) -> dict[str, str]:
    """The environment of a process that answers by a registered model."""
    return {
        **os.environ,
        # A model's folder is all that is asked for; MLflow must not make a store in the working directory.
        "MLFLOW_TRACKING_URI": "file:///nowhere",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "TMPDIR": str(scratch),
        ANSWERS_ALONE: "1",
    }


def last_words(returncode: int, output: str) -> str:
    """The last line that was said, which of an error is its message."""
    if returncode < 0:
        return f"its process was killed by signal {-returncode}, perhaps for want of memory"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # The class that carries a message says nothing to whoever reads it.
    message = re.sub(r"^[\w.]+\.(MlflowException|UserError): ", "", lines[-1]) if lines else "no message"
    return message[:_REASON_LENGTH]


def learnt_by(champion: Champion, paths: Paths) -> pl.DataFrame | None:
    """The hashes of the rows that it was trained on; None of a version that was registered without them."""
    with store.reachable(paths.project), files.scratch(paths.checkpoints) as scratch:
        file = _of_its_run(store.connect(paths.project), champion.run_id, LEARNT_ROWS, scratch)
        return None if file is None else pl.read_parquet(file)


def _passport(client: MlflowClient, version: ModelVersion, paths: Paths) -> Mapping[str, Any] | None:
    """The passport among the artifacts of the version's run; None when it is not there."""
    with files.scratch(paths.checkpoints) as scratch:
        file = _of_its_run(client, version.run_id, "passport.json", scratch)
        content = None if file is None else files.read_json(file)
        return content if isinstance(content, dict) else None


def _of_its_run(client: MlflowClient, run_id: str | None, name: str, scratch: Path) -> Path | None:
    from mlflow.exceptions import MlflowException

    try:
        return Path(client.download_artifacts(str(run_id), name, str(scratch)))
    except (MlflowException, OSError):
        # Both only make the comparison more exact: a champion without them is compared all the same.
        return None


def promotion_tag(promotion: Promotion) -> str:
    """The decision as a version's tag."""
    return json.dumps(promotion.model_dump(mode="json"))
