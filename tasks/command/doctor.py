"""Checks the installation, and says how to mend each thing that is not as it should be."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

from tasks import TELEMETRY_OFF
from tasks.environment import installed_version
from tasks.errors import UserError
from tasks.paths import Project

LEAST_FREE_GIB = 2
"""A run of a small pipeline leaves megabytes; MLflow's environments and DVC's cache soon want more."""


@dataclass(frozen=True)
class Check:
    """One thing looked at; `cure` is None when all is well."""

    name: str
    finding: str
    cure: str | None = None


def examine(project: Project) -> list[Check]:
    """All checks, in the order in which mending makes sense."""
    checks: tuple[Callable[[Project], Iterator[Check]], ...] = (
        _python,
        _tool,
        _versions,
        _torch,
        _params,
        _tracking,
        _dvc,
        _disk,
        _telemetry,
    )
    return [check for look in checks for check in look(project)]


def _python(project: Project) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    cure = (
        None
        if sys.version_info[:2] == (3, 11)
        else "install Python 3.11 and make the environment again: rm -rf .venv && make"
    )
    yield Check("python", f"{version} at {sys.executable}", cure)


def _tool(project: Project) -> Iterator[Check]:
    from tasks.memo.code_record import check_own_code, check_tool, tool_version

    if project.is_repository:
        try:
            check_own_code(project)
        except UserError as error:
            yield Check("modelwright", "the code of another checkout runs", str(error))
        return
    try:
        check_tool(project)
    except UserError as error:
        yield Check("modelwright", f"{tool_version()} is another version than the project is of", str(error))
        return
    yield Check("modelwright", f"{tool_version()}, and the project's stages were made by the same code")
    # `dvc repro` starts Python in this folder, which looks here first.
    for name in ("tasks", "flows"):
        hiding = [path for path in (project.root / name / "__init__.py", project.root / f"{name}.py") if path.exists()]
        if hiding:
            yield Check("your Python", f"{hiding[0]} hides the tool's own {name}", "give it another name")


def _versions(project: Project) -> Iterator[Check]:
    if not project.is_repository:
        yield _installed_versions()
        return
    if not project.constraints.exists():
        yield Check("packages", "there is no constraints.txt", "bring it back: git checkout constraints.txt")
        return
    lines = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;#]+)", project.constraints.read_text(), flags=re.MULTILINE)
    pinned = {_normal(name): version for name, version in lines}
    needed = _requirements("modelwright")
    wrong = [] if needed else ["modelwright is not installed"]
    for name in sorted(needed):
        installed, wanted = installed_version(name), pinned.get(name, "in constraints.txt")
        # A build tag such as +cpu says for which machine, and not which version.
        if installed is None or installed.split("+")[0] != wanted.split("+")[0]:
            wrong.append(f"{name} is {installed or 'missing'}, not {wanted}")
    if wrong:
        yield Check("packages", "; ".join(wrong), "pip install -c constraints.txt -e .")
    else:
        yield Check("packages", f"{len(needed)} direct dependencies as constraints.txt says")


def _installed_versions() -> Check:
    """Of a project of one's own, in which nothing is pinned: the versions that the installed tool asks for."""
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("modelwright") or []
    except metadata.PackageNotFoundError:
        return Check("packages", "modelwright is not installed", "install it: `pip install` of its wheel")
    needed = [need for need in map(Requirement, lines) if need.marker is None or need.marker.evaluate({"extra": ""})]
    versions = {str(need): installed_version(need.name) for need in needed}
    wrong = {
        str(need): f"{need.name} is {versions[str(need)] or 'missing'}"
        for need in needed
        if versions[str(need)] is None or not need.specifier.contains(str(versions[str(need)]), prereleases=True)
    }
    if wrong:
        return Check("packages", "; ".join(wrong.values()), f"pip install {' '.join(map(shlex.quote, wrong))}")
    return Check("packages", f"{len(needed)} direct dependencies as modelwright asks for them")


def _requirements(distribution: str) -> set[str]:
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return set()
    # Extras are chosen by users: what nobody installed is not missing.
    return {_normal(re.split(r"[^A-Za-z0-9_.-]", line)[0]) for line in lines if "extra ==" not in line}


def _normal(name: str) -> str:
    """One spelling for all: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _torch(project: Project) -> Iterator[Check]:
    try:
        import torch
    except ImportError as error:
        yield Check("torch", f"cannot be imported: {error}", "pip install -c constraints.txt torch")
        return
    from tasks.trainers.torch.devices import choose_device

    yield Check("torch", f"{torch.__version__} on {choose_device('auto')}, {torch.get_num_threads()} threads")


def _params(project: Project) -> Iterator[Check]:
    from tasks.params.file import load_params, pipelines_in
    from tasks.params.renamed import outdated_in
    from tasks.validation.accepted import read_accepted

    try:
        params = load_params(project.params)
    except UserError as error:
        yield Check("params.yaml", "cannot be used", str(error))
        return
    yield Check("params.yaml", f"pipelines: {', '.join(params.pipelines)}")
    for name, block in pipelines_in(project.params).items():
        for setting, advice in outdated_in(block).items():
            yield Check("params.yaml", f"pipelines.{name}.{setting} is of an earlier version", advice)
        paths = project.pipeline(name)
        if not paths.suite.exists():
            cure = f"bring it back from git, or `modelwright expect {name} --write`, which drafts it"
            yield Check("expectations", f"{paths.suite} is missing", cure)
        try:
            read_accepted(paths.accepted)
        except UserError as error:
            yield Check("accepted data", "cannot be used", str(error))
        if paths.accepted_in_git.exists():
            yield Check(
                "accepted data",
                f"{paths.accepted_in_git} is of an earlier version",
                f"`modelwright run {name}` takes it over in {paths.relative(paths.accepted)}; then remove it from git",
            )


def _tracking(project: Project) -> Iterator[Check]:
    from tasks.tracking.store import check_store, shown_uri

    uri = shown_uri(project)
    try:
        state = check_store(project)
    except UserError as error:
        yield Check("tracking", uri, str(error))
        return
    yield Check("tracking", f"{uri}: {state}")
    yield from _models(project)


def _models(project: Project) -> Iterator[Check]:
    """Versions that are in use, and of which files are gone or damaged."""
    from tasks.tracking.standing import damaged_models

    for name, alias, wrong in damaged_models(project):
        yield Check(
            f"{name}@{alias}",
            f"cannot be relied on: {wrong}",
            f"`modelwright run {name}` packs it anew where it is the present model; else bring its folder in "
            "mlflow/artifacts back from a backup",
        )


def _dvc(project: Project) -> Iterator[Check]:
    from tasks.memo.cache_place import describe_cache

    try:
        cache, remote = describe_cache(project.root)
    except UserError as error:
        yield Check("dvc", "cannot be used", str(error))
        return
    yield Check("dvc cache", cache)
    yield from _passing_files(project)
    yield Check("dvc remote", remote or "none: data stay on this machine (`dvc remote add -d NAME URL` shares them)")


def _passing_files(project: Project) -> Iterator[Check]:
    """What runs note for later ones, and can do without."""
    from tasks.memo import snapshot
    from tasks.memo.locks import damaged_list
    from tasks.params.file import pipeline_names

    if path := damaged_list(project.root):
        yield Check("dvc locks", f"{path} is damaged", "the next `modelwright run` puts it aside, and says so")
    try:
        names = pipeline_names(project.params)
    except UserError:
        return  # which the check of params.yaml says
    damaged = [str(paths.snapshot) for paths in map(project.pipeline, names) if snapshot.is_damaged(paths)]
    if damaged:
        yield Check("snapshots", f"{', '.join(damaged)} damaged", "the next `modelwright run` writes them anew")


def _disk(project: Project) -> Iterator[Check]:
    free = shutil.disk_usage(project.root).free / 2**30
    cure = None if free >= LEAST_FREE_GIB else "make room, or move DVC's cache: dvc cache dir PATH"
    yield Check("disk", f"{free:.1f} GiB free", cure)


def _telemetry(project: Project) -> Iterator[Check]:
    # By what they mean and not as text: 0, false and no all switch it off.
    on = [name for name, value in TELEMETRY_OFF.items() if _is_true(os.environ.get(name, "")) != _is_true(value)]
    cure = f"unset {' '.join(on)}: the environment switches it on" if on else None
    yield Check("telemetry", f"on: {', '.join(on)}" if on else "off", cure)


def _is_true(value: str) -> bool:
    """As the libraries read it from the environment."""
    return value.strip().lower() in ("1", "true", "yes", "on", "t", "y")
