"""`modelwright remove NAME`: takes a pipeline out of the project; what the registry has of it stays.

params.yaml is written last: until then a second call goes on where a killed one ended.
"""

from __future__ import annotations

from tasks import files
from tasks.drafting.belongings import belongings, mentions
from tasks.drafting.params_lock import editing
from tasks.drafting.params_text import without_block
from tasks.errors import UserError, did_you_mean
from tasks.memo.lockfile import without
from tasks.memo.pipeline_lock import locked_files
from tasks.params.file import pipelines_in
from tasks.paths import Project


def what_goes(project: Project, name: str) -> list[str]:
    """What `remove_pipeline` would take out. Raises UserError when there is nothing of that name."""
    paths, blocks = project.pipeline(name), pipelines_in(project.params)
    goes = [str(path.relative_to(project.root)) for path in belongings(paths) if path.exists()]
    if name not in blocks and not goes:
        raise UserError(f"{project.params}: there is no pipeline {name}{did_you_mean(name, blocks)}")
    return [*([f"the block {name} in {project.params.name}"] if name in blocks else []), *goes]


def remove_pipeline(project: Project, name: str) -> list[str]:
    """Removes block, suite, results and lock entries; returns what is left, and where. Refuses while it runs."""
    paths = project.pipeline(name)
    with locked_files(project.root, [paths.data, paths.model, paths.reports]):
        for path in (*belongings(paths), paths.snapshot):
            with files.storage_errors(path):
                files.remove(path)
        if project.lock.exists():
            files.write_text(project.lock, without(project.lock.read_text(encoding="utf-8"), name))
        with editing(project):
            if name in pipelines_in(project.params):
                files.write_text(project.params, without_block(project.params, name))
    return [
        *(f"{file} still names {name}: take it out there" for file in mentions(project, name)),
        "the registry keeps its versions, and git and DVC's cache what was committed",
    ]
