"""A packed model given to the store, and read back: a server may say that all is well, and have kept half of it."""

from __future__ import annotations

import filecmp
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.errors import UserError
from tasks.tracking.contents import local_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

_ATTEMPTS = 2
"""A proxy that lost one answer rarely loses the next one."""


def upload(client: MlflowClient, model: LoggedModel, packed: Path, scratch: Path) -> None:
    """Stores the files of `packed` as the model's. Raises UserError when what comes back is not what was given."""
    wrong = None
    for _ in range(_ATTEMPTS):
        client.log_model_artifacts(model.model_id, str(packed))
        wrong = _difference(client, model, packed, scratch)
        if wrong is None:
            return
    raise UserError(
        f"the tracking server keeps the model's files otherwise than they were given to it ({wrong}); look at its log "
        "and at what stands between, such as a proxy, and run the stage again; nothing is lost"
    )


def _difference(client: MlflowClient, model: LoggedModel, packed: Path, scratch: Path) -> str | None:
    """The first file that is missing or another one; None when all of them came back."""
    from mlflow.artifacts import download_artifacts

    # A local store's own folder is not copied to be looked at.
    is_local = local_folder(model.artifact_location) is not None
    with files.scratch(scratch) as folder:
        there = Path(
            download_artifacts(
                artifact_uri=model.artifact_location,
                dst_path=None if is_local else str(folder),
                tracking_uri=client.tracking_uri,
            )
        )
        names = [path.relative_to(packed) for path in sorted(packed.rglob("*")) if path.is_file()]
        _, other, missing = filecmp.cmpfiles(packed, there, [str(name) for name in names], shallow=False)
    if missing:
        return f"{missing[0]} is missing"
    return f"{other[0]} is another file" if other else None
