"""`modelwright upgrade`: a project of one's own taken to the version of the tool that is installed.

What runs again, and why, is read from dvc.lock: it has what the code meant of which each stage was made.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks import files
from tasks.errors import UserError
from tasks.memo.code import Code, source_of
from tasks.memo.code_record import CodeRecord, digest_of, read_record
from tasks.memo.own_code import own_files, with_files
from tasks.memo.reasons import status_in_words
from tasks.params.file import read_yaml
from tasks.paths import STAGES, Project
from tasks.scaffold.new_project import dvc_yaml, record_of, schema

_KINDS = ("deps", "params", "outs", "metrics", "plots")


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What an upgrade does. `before` is the version that the project is of, if its record can be read.

    `reasons` has for each pipeline, that has run and will run again, the stages with why; `texts` the files to be
    written; `keeps_stages` says that dvc.yaml was edited, has all that is needed, and stays.
    """

    project: Project
    before: str | None
    after: str
    reasons: Mapping[str, Mapping[str, tuple[str, ...]]]
    texts: Mapping[Path, str]
    keeps_stages: bool

    @property
    def heading(self) -> str:
        """From which version to which, in a few words."""
        if not self.texts:
            return f"the project is of the installed Modelwright, {self.after}"
        if self.before == self.after:
            return f"Modelwright {self.after} -> another build of it"
        return f"Modelwright {self.before or '(not known)'} -> {self.after}"

    def write(self) -> None:
        """Writes the files, the record last: until then a second call goes on where a killed one ended."""
        for path, text in self.texts.items():
            if path.is_dir():
                files.remove(path)
            files.write_text(path, text)


def plan_upgrade(project: Project) -> Upgrade:
    """Looks at everything and writes nothing.

    Raises UserError in the tool's own repository, and for a dvc.yaml that somebody edited and that lacks what this
    version of the tool needs in it.
    """
    if project.is_repository:
        raise UserError(
            f"{project.root}: the code of the tool lies in this project, so there is nothing to upgrade: after "
            "`git pull`, `modelwright status` says which stages run again"
        )
    before, code = _known_record(project), Code(project)
    after = record_of(project, code)
    text, new = _text(project.stages), dvc_yaml()
    # Files of the user's own that a run has put in are no edit.
    plain = with_files(text, ())
    is_edited = plain not in ("", new) and (before is None or digest_of(plain) != before.dvc_yaml)
    if is_edited and (lacking := _lacking(text, new)):
        raise UserError(_edited(project, text, new, lacking))
    texts = {
        project.stages: text if is_edited else with_files(new, own_files(text)),
        project.schema: json.dumps(schema(), indent=2) + "\n",
        project.code_record: json.dumps(after.as_json(), indent=2) + "\n",
    }
    return Upgrade(
        project=project,
        before=before.version if before else None,
        after=after.version,
        reasons=_reasons(project, code, _stages(texts[project.stages])),
        texts={path: text for path, text in texts.items() if _text(path) != text},
        keeps_stages=is_edited,
    )


def _known_record(project: Project) -> CodeRecord | None:
    try:
        return read_record(project)
    except UserError:
        return None  # it is written anew


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        return ""
    except UnicodeDecodeError:
        return "\ufffd"


def _reasons(project: Project, code: Code, stages: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, ...]]]:
    """For each pipeline of the lock the stages that run again; a pipeline of which none does is left out."""
    lock = (read_yaml(project.lock) if project.lock.exists() else None) or {}
    reasons: dict[str, dict[str, tuple[str, ...]]] = {}
    for key, entry in lock.get("stages", {}).items():
        stage, _, pipeline = key.partition("@")
        # What only says what code means, such as `own_code`, is no stage that anybody waits for.
        of_ours = pipeline and stage in STAGES and stage in stages
        if of_ours and (why := tuple(_stage_reasons(code, stages[stage], pipeline, entry))):
            reasons.setdefault(pipeline, {})[stage] = why
    return {
        pipeline: {stage: by_stage.get(stage, ()) for stage in STAGES} for pipeline, by_stage in sorted(reasons.items())
    }


def _stage_reasons(code: Code, stage: Mapping[str, Any], pipeline: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Why DVC will find the stage out of date, by its new definition and its entry in the lock."""
    inner = stage.get("do", stage)
    if inner["cmd"].replace("${key}", pipeline) != entry.get("cmd"):
        yield "its command changed"
    recorded = {item["path"]: item.get("md5") for kind in ("deps", "outs") for item in entry.get(kind, ())}
    for path in (
        name.replace("${key}", pipeline) for kind in _KINDS if kind != "params" for name in _names(inner, kind)
    ):
        source = source_of(path)
        if path not in recorded:
            yield status_in_words(source or path, "new")
        # DVC knows a list of code by the MD5 of its bytes.
        elif source and hashlib.md5(code.digests(source).encode(), usedforsecurity=False).hexdigest() != recorded[path]:
            yield status_in_words(source, "modified")


def _lacking(text: str, new: str) -> list[str]:
    """What stands in the new dvc.yaml and not in the other one."""
    there = set(_demands(_stages(text)))
    return [demand for demand in _demands(_stages(new)) if demand not in there]


def _demands(stages: Mapping[str, Any]) -> Iterator[str]:
    for name, entry in stages.items():
        inner = entry.get("do", entry) if isinstance(entry, dict) else {}
        yield f"{name}: cmd: {inner.get('cmd')}"
        for kind in _KINDS:
            yield from (f"{name}: {kind}: {path}" for path in _names(inner, kind))


def _names(inner: Mapping[str, Any], kind: str) -> list[str]:
    """The entries of a list, without their settings."""
    return [next(iter(item)) if isinstance(item, dict) else str(item) for item in inner.get(kind) or ()]


def _stages(text: str) -> Mapping[str, Any]:
    try:
        content = YAML(typ="safe").load(text)
    except YAMLError:
        return {}
    stages = content.get("stages") if isinstance(content, dict) else None
    return stages if isinstance(stages, dict) else {}


def _edited(project: Project, text: str, new: str, lacking: list[str]) -> str:
    name = project.stages.name
    changes = difflib.unified_diff(
        text.splitlines(), new.splitlines(), f"{name}, as it is", f"{name}, as this version writes it", n=1, lineterm=""
    )
    lines = "\n".join(f"  {line}" for line in lacking)
    return (
        f"{project.stages}: somebody has edited it, so it is not written anew, and it lacks what this version needs:\n"
        f"{lines}\nput these in, or move the file aside (`mv {name} {name}.mine`) to get a new one; then "
        f"`modelwright upgrade` again. Nothing is written yet. The whole difference:\n" + "\n".join(changes)
    )
