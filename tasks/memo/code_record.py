"""code.json: which version of the tool a project of one's own is of, and what the code of its stages means.

It stands for the code there, as the source does in the tool's own repository: the stage `code` depends on it. A run and
`dvc repro` refuse a tool that means something else, so no stage runs again before somebody has said so.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.environment import installed_version
from tasks.errors import UserError
from tasks.memo.code import CODE, Code, sources_in, sources_of
from tasks.paths import Project

TOOL = "modelwright"

CURE = "bring it back (`git checkout -- code.json`), or have it written anew (`modelwright upgrade`)"


@dataclass(frozen=True, kw_only=True)
class CodeRecord:
    """What code.json holds: digests of code by file or folder and by stage, and of dvc.yaml as the tool writes it."""

    version: str
    dvc_yaml: str
    stages: Mapping[str, str]
    packages: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The file's content."""
        return {TOOL: self.version, "dvc.yaml": self.dvc_yaml, "stages": self.stages, "packages": self.packages}

    def changed(self, code: Code) -> list[str]:
        """The files and folders whose code means something else now."""
        return [source for source, digest in self.packages.items() if digest_of(code.digests(source)) != digest]


def present_record(code: Code, dvc_yaml: str, stages: Mapping[str, Any]) -> CodeRecord:
    """The record of the tool that runs. `dvc_yaml` is the text that it writes, `stages` what stands in it."""
    packages = {source: digest_of(code.digests(source)) for source in sources_in({"stages": stages})}
    made_of = {name: sources_of(entry) for name, entry in stages.items() if name != CODE}
    return CodeRecord(
        version=tool_version(),
        dvc_yaml=digest_of(dvc_yaml),
        stages={name: digest_of("".join(map(packages.__getitem__, sources))) for name, sources in made_of.items()},
        packages=packages,
    )


def read_record(project: Project) -> CodeRecord | None:
    """The project's record; None when there is none. Raises UserError when it is damaged."""
    path = project.code_record
    if not path.exists():
        return None
    match _content(path):
        case {
            "modelwright": str(version),
            "dvc.yaml": str(dvc_yaml),
            "stages": dict(stages),
            "packages": dict(packages),
        }:
            return CodeRecord(version=version, dvc_yaml=dvc_yaml, stages=stages, packages=packages)
        case _:
            raise UserError(f"{path}: damaged; {CURE}")


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    # A folder in its place, bytes that are no text, a merge that left its marks, brackets in brackets by the thousand.
    except (IsADirectoryError, ValueError, RecursionError):
        return None


def check_tool(project: Project, code: Code | None = None) -> None:
    """Raises UserError when the project's record is of code that means something else than the code that runs."""
    if project.is_repository:
        return
    record = read_record(project)
    if record is None:
        raise UserError(f"{project.code_record}: missing; {CURE}")
    changed = record.changed(code or Code(project))
    if changed:
        version = tool_version()
        installed = f"another build of {version}" if version == record.version else version
        raise UserError(
            f"{project.code_record}: the project is of Modelwright {record.version}, and {installed} is installed, in "
            f"which {_listed(changed)} changed; `modelwright upgrade --dry-run` says which stages would run again, and "
            "`modelwright upgrade` takes it over; or install the version that the project is of"
        )


def check_own_code(project: Project) -> None:
    """Raises UserError when the project holds the tool's code, and that of another checkout runs.

    One environment for two checkouts has the code of the one that was installed in it.
    """
    running = Path(__file__).resolve().parents[1]
    if not project.is_repository or (project.root / "tasks").resolve() == running:
        return
    root = shlex.quote(str(project.root))
    raise UserError(
        f"{project.root}: the code that runs is that of {running.parent}, and what it does would be recorded as done "
        f"by the code here; use this checkout's own environment (`{_own_environment(project.root)}`), or, in place of "
        f"`modelwright`, `cd {root} && python -m tasks.command.cli`"
    )


def _own_environment(root: Path) -> str:
    """The command that makes the checkout's environment the present one, or makes it."""
    folder, activate = root / ".venv", root / ".venv" / "bin" / "activate"
    # One that was copied along with its checkout leads to the other one.
    if activate.is_file() and str(folder) in activate.read_text(errors="replace") and Path(sys.prefix) != folder:
        return f"source {shlex.quote(str(activate))}"
    return f"rm -rf {shlex.quote(str(folder))} && make -C {shlex.quote(str(root))} .venv/installed"


def tool_version() -> str:
    """The version of the tool that runs."""
    return installed_version(TOOL) or "not installed"


def digest_of(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _listed(sources: list[str], most: int = 3) -> str:
    shown = ", ".join(sources[:most])
    return shown if len(sources) <= most else f"{shown} and {len(sources) - most} more"
