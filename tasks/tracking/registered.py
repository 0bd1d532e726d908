"""A registered version by the name that a person gives it, such as `churn`, `churn@challenger` or `churn:3`.

Every version that was asked for is kept in the project, whole: with `--offline` it answers when the registry is down.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import files
from tasks.errors import NoSuchVersionError, UserError
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.contents import damage
from tasks.tracking.models import download
from tasks.tracking.names import has_store, no_such_model
from tasks.tracking.packed_model import model_within
from tasks.tracking.tags import CHAMPION

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_ASKED = re.compile(r"(models:/)?(?P<name>[^/:@]+)(@(?P<alias>[^/:@]+)|[:/](?P<version>\d{1,9}))?")
_FORM = "write NAME, which is its champion, NAME@ALIAS or NAME:VERSION"


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """One version, kept in the project: `packed` is the folder as MLflow has it, `model` that of `tasks.trainers.load`.

    `alias` is the one that it was asked by; `recipe` is the digest of recipe.json, as the passport has it; `passport`
    is what the version came from, where the registry has one; `remark` is what a person must be told, if anything.
    """

    name: str
    version: int
    alias: str | None
    packed: Path
    model: Path
    recipe: str
    passport: Mapping[str, Any] | None
    remark: str | None = None

    @property
    def decision(self) -> Path | None:
        """The file of its threshold, for `read_decision`; None for a model that answers the likeliest class."""
        return self._file("decision.json")

    @property
    def conformal(self) -> Path | None:
        """The file of its intervals or sets, for `read_conformal`; None for a model that answers without."""
        return self._file("conformal.json")

    def _file(self, name: str) -> Path | None:
        file = self.model.parent / name
        # A link leads to any file of this machine.
        return file if file.is_file() and not file.is_symlink() else None

    @property
    def shown(self) -> str:
        """Such as `churn version 3 (champion)`."""
        return f"{self.name} version {self.version}" + (f" ({self.alias})" if self.alias else "")


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What was asked for: by its alias, or by its version's number."""

    text: str
    name: str
    alias: str | None
    version: int | None


def registered_model(project: Project, asked: str, *, offline: bool = False) -> RegisteredModel:
    """The version that NAME, NAME@ALIAS or NAME:VERSION means now; `offline` asks nobody, and takes the copy here.

    Raises UserError when there is no such model, alias or version, when its files are damaged, when the registry does
    not answer, and when `offline` finds no copy.
    """
    wanted = _parsed(asked)
    if offline:
        return _kept(project, wanted)
    if not has_store(project):
        raise UserError(
            f"{asked}: no model was registered in {project.root} yet; train one (`modelwright run {wanted.name}`), or "
            "set MLFLOW_TRACKING_URI to the server that has it"
        )
    with store.reachable(project, _otherwise(project, wanted)):
        client = store.connect(project)
        version = _version(client, wanted)
        folder = copy_of(project, version)
        if not folder.is_dir():
            _fetch(client, version, folder, asked)
    if wanted.alias:
        _remember(project, wanted, folder)
    return _model(folder, wanted, int(version.version))


def _parsed(asked: str) -> _Asked:
    parts = _ASKED.fullmatch(asked)
    if parts is None:
        raise UserError(f"{asked}: names no registered model; {_FORM}")
    version = int(parts["version"]) if parts["version"] else None
    alias = parts["alias"] or (CHAMPION if version is None else None)
    return _Asked(text=asked, name=parts["name"], alias=alias, version=version)


def _version(client: MlflowClient, wanted: _Asked) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    try:
        aliases = client.get_registered_model(wanted.name).aliases
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise no_such_model(client, wanted.name, wanted.text) from None
    number = aliases.get(wanted.alias) if wanted.alias else wanted.version
    versions = {int(version.version): version for version in client.search_model_versions(f"name = '{wanted.name}'")}
    if number is None or int(number) not in versions:
        holders = {alias: int(holder) for alias, holder in aliases.items()}
        raise NoSuchVersionError(_unknown(wanted, sorted(versions), holders))
    return versions[int(number)]


def _unknown(wanted: _Asked, versions: list[int], aliases: Mapping[str, int]) -> str:
    """What to say of an alias or a version that the registry does not have: what it has."""
    name = wanted.name
    if not versions:
        return f"{wanted.text}: all versions of {name} are gone from the registry; `modelwright run {name}` makes one"
    what = f"alias {wanted.alias}" if wanted.alias else f"version {wanted.version}: it was deleted, or never made"
    held = ", ".join(f"{name}@{alias} is version {number}" for alias, number in sorted(aliases.items()))
    shown = ", ".join(f"{name}:{number}" for number in versions[-10:])
    return f"{wanted.text}: {name} has no {what}; give one of {shown}" + (f" ({held})" if held else "")


def copy_of(project: Project, version: ModelVersion) -> Path:
    """Where the copy of a version is kept, if there is one."""
    # Another store, or one that was begun anew, has other models under the same names and numbers.
    place = sha256(f"{version.source} {version.creation_timestamp}".encode()).hexdigest()[:8]
    return project.registered_models / version.name / f"{version.version}-{place}"


def _fetch(client: MlflowClient, version: ModelVersion, target: Path, asked: str) -> None:
    """The version's folder as MLflow keeps it, code and all, and its passport: aside, so that no half of it counts."""
    with files.aside(target) as draft, tempfile.TemporaryDirectory(dir=draft.parent) as scratch:
        packed = download(client, str(version.source), scratch, asked)
        if wrong := damage(packed):
            raise UserError(
                f"{asked}: of its files in the store, {wrong}; {_mended(version.name)}, or give another one"
            )
        model_within(packed, asked)
        shutil.copytree(packed, draft / "packed")
        files.write_json(draft / "passport.json", _passport(client, version, Path(scratch)))


def _mended(name: str) -> str:
    return f"`modelwright run {name}` mends the version that it left"


def _passport(client: MlflowClient, version: ModelVersion, scratch: Path) -> Any:
    """None where the run has none: a version that somebody else registered."""
    from mlflow.exceptions import MlflowException

    try:
        path = client.download_artifacts(str(version.run_id), "passport.json", str(scratch))
    except (MlflowException, OSError):
        return None
    return files.read_json(Path(path))


def _model(folder: Path, wanted: _Asked, version: int) -> RegisteredModel:
    packed = folder / "packed"
    if wrong := damage(packed):
        raise UserError(f"{folder}: {wrong}; remove the folder: it is a copy, and the next call fetches it again")
    model = model_within(packed, wanted.text)
    return RegisteredModel(
        name=wanted.name,
        version=version,
        alias=wanted.alias,
        packed=packed,
        model=model,
        recipe=sha256((model / "recipe.json").read_bytes()).hexdigest(),
        passport=files.read_json(folder / "passport.json"),
    )


def _aliases(project: Project, name: str) -> Path:
    return project.registered_models / name / "aliases.json"


def _remember(project: Project, wanted: _Asked, folder: Path) -> None:
    """Which version bore the alias when the registry was last asked."""
    place = _aliases(project, wanted.name)
    aliases = files.read_json(place) if place.exists() else {}
    if aliases.get(wanted.alias) != folder.name:
        files.write_json(place, {**aliases, wanted.alias: folder.name})


def _copy(project: Project, wanted: _Asked) -> Path | None:
    """The copy of the version that was asked for, the newest of several; None when there is none."""
    if wanted.alias is None:
        folders = (project.registered_models / wanted.name).glob(f"{wanted.version}-????????")
        return max(folders, key=lambda folder: folder.stat().st_mtime, default=None)
    place = _aliases(project, wanted.name)
    name = files.read_json(place).get(wanted.alias) if place.exists() else None
    folder = place.with_name(name) if name else None
    return folder if folder is not None and folder.is_dir() else None


def _otherwise(project: Project, wanted: _Asked) -> str:
    """What helps when the registry does not answer."""
    copy = _copy(project, wanted)
    if copy is None:
        return "no copy of the model lies here yet: each call that the registry answers leaves one"
    return f"or give --offline: version {_number(copy)} of {wanted.name}, as the registry last had it, lies here"


def _kept(project: Project, wanted: _Asked) -> RegisteredModel:
    copy = _copy(project, wanted)
    if copy is None:
        raise UserError(
            f"{wanted.text}: no copy of it lies here, and --offline asks nobody; call once without --offline while the "
            "registry answers"
        )
    model = _model(copy, wanted, _number(copy))
    role = f", the {wanted.alias} when the registry was last asked" if wanted.alias else ""
    return replace(model, remark=f"offline: answered by the copy of version {model.version} that lies here{role}")


def _number(copy: Path) -> int:
    return int(copy.name.partition("-")[0])
