from __future__ import annotations

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from tasks import TELEMETRY_OFF, files
from tasks.command import doctor
from tasks.command.doctor import Check, examine
from tasks.paths import Project
from tasks.scaffold.new_project import new_project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """As the repository is, before anything ran."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    for name in (
        "params.yaml",
        "dvc.yaml",
        "constraints.txt",
        ".dvc/config",
        ".dvc/.gitignore",
        "expectations/digits.json",
    ):
        files.write_bytes(tmp_path / name, (ROOT / name).read_bytes())
    (tmp_path / "tasks").symlink_to(ROOT / "tasks")
    return Project(root=tmp_path)


def checks_of(project: Project) -> dict[str, Check]:
    checks = examine(project)
    assert len({check.name for check in checks}) == len(checks)
    assert all(check.finding and check.cure != "" for check in checks)
    return {check.name: check for check in checks}


def own_files(project: Project) -> list[Path]:
    """All but git's and DVC's own."""
    files = (path.relative_to(project.root) for path in project.root.rglob("*"))
    return sorted(path for path in files if path.parts[0] not in (".git", ".dvc"))


def test_everything_is_looked_at_and_nothing_is_written(project: Project) -> None:
    before = own_files(project)
    checks = checks_of(project)
    assert list(checks) == [
        "python",
        "packages",
        "torch",
        "params.yaml",
        "tracking",
        "dvc cache",
        "dvc remote",
        "disk",
        "telemetry",
    ]
    assert checks["params.yaml"] == Check("params.yaml", "pipelines: digits")
    assert checks["tracking"].finding.endswith("mlflow/mlflow.db: not there yet; the first training makes it")
    assert checks["dvc remote"].finding.startswith("none: data stay on this machine")
    assert checks["telemetry"] == Check("telemetry", "off")
    assert f"{version('torch')} on " in checks["torch"].finding
    assert own_files(project) == before


def test_the_code_of_another_checkout_is_named(project: Project) -> None:
    (project.root / "tasks").unlink()
    files.write_bytes(project.root / "tasks/memo/code.py", b"")
    check = checks_of(project)["modelwright"]
    assert check.finding == "the code of another checkout runs"
    assert f"the code that runs is that of {ROOT}" in str(check.cure)


def test_other_versions_than_the_tested_ones_are_named(project: Project) -> None:
    text = project.constraints.read_text()
    text = text.replace(f"polars=={version('polars')}", "polars==0.1")
    text = text.replace(f"great_expectations=={version('great_expectations')}", "great_expectations==0.2")
    project.constraints.write_text(text)
    packages = checks_of(project)["packages"]
    assert f"polars is {version('polars')}, not 0.1" in packages.finding
    assert f"great-expectations is {version('great_expectations')}, not 0.2" in packages.finding
    assert packages.cure == "pip install -c constraints.txt -e ."


def test_a_local_build_of_the_pinned_version_will_do(project: Project) -> None:
    pinned = version("torch").split("+")[0]
    project.constraints.write_text(project.constraints.read_text().replace(f"torch=={pinned}", f"torch=={pinned}+cpu"))
    assert "torch" not in checks_of(project)["packages"].finding


def test_every_thing_that_is_broken_has_a_cure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.constraints.unlink()
    project.params.write_text("pipelines: {digits: {}}\n")
    files.remove(project.root / ".dvc")
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    monkeypatch.setattr(doctor, "LEAST_FREE_GIB", 10**9)
    checks = checks_of(project)
    assert {name for name, check in checks.items() if check.cure is not None} == {
        "packages",
        "params.yaml",
        "dvc",
        "disk",
        "telemetry",
    }
    assert "pipelines.digits.train is missing; add it" in str(checks["params.yaml"].cure)
    assert str(checks["dvc"].cure).endswith(": is no DVC repository; `dvc init` makes one of it")
    assert checks["telemetry"].finding == "on: DO_NOT_TRACK, GX_ANALYTICS_ENABLED"


def test_a_suite_that_is_gone_is_named(project: Project) -> None:
    project.pipeline("digits").suite.unlink()
    check = checks_of(project)["expectations"]
    assert check.finding.endswith("expectations/digits.json is missing")
    assert check.cure == "bring it back from git, or `modelwright expect digits --write`, which drafts it"


@pytest.mark.parametrize("content", ["", "{", None])
def test_a_damaged_snapshot_is_named(project: Project, content: str | None) -> None:
    assert "snapshots" not in checks_of(project)
    path = project.pipeline("digits").snapshot
    path.parent.mkdir(parents=True)
    path.mkdir() if content is None else path.write_text(content)
    check = checks_of(project)["snapshots"]
    assert check.finding == f"{path} damaged"
    assert check.cure == "the next `modelwright run` writes them anew"


def test_what_an_earlier_version_kept_in_git_is_named(project: Project) -> None:
    files.write_json(project.pipeline("digits").accepted_in_git, {})
    check = checks_of(project)["accepted data"]
    assert check.finding.endswith("expectations/digits.accepted.json is of an earlier version")
    assert check.cure == "`modelwright run digits` takes it over in data/digits/accepted.json; then remove it from git"


@pytest.mark.parametrize("value", ["0", "False", "no", ""])
def test_telemetry_that_is_off_in_other_words_is_off(
    project: Project, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", value)
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    assert list(doctor._telemetry(project)) == [Check("telemetry", "off")]


def test_importing_the_package_switches_telemetry_off() -> None:
    assert {name: os.environ.get(name) for name in TELEMETRY_OFF} == TELEMETRY_OFF


def test_a_setting_under_its_earlier_name_is_said_once(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    text = project.params.read_text().replace("      kind: torch\n", "      kind: torch\n      held_mebibytes: 64\n", 1)
    project.params.write_text(text)
    findings = [check.finding for check in examine(project) if "held_mebibytes" in check.finding]
    assert findings == ["pipelines.digits.train.held_mebibytes is of an earlier version"]
    assert not [line for line in caplog.messages if "held_mebibytes" in line]


def test_in_a_project_of_ones_own_the_tool_and_what_it_asks_for_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = new_project(tmp_path / "own").project
    checks = checks_of(own)
    assert checks["modelwright"] == Check(
        "modelwright", f"{version('modelwright')}, and the project's stages were made by the same code"
    )
    assert checks["packages"].finding.endswith(" direct dependencies as modelwright asks for them")
    monkeypatch.setattr(doctor, "installed_version", {"fastapi": "0.100"}.get)
    packages = checks_of(own)["packages"]
    assert "fastapi is 0.100; " in packages.finding
    assert "polars is missing" in packages.finding
    assert "'fastapi<0.151,>=0.139'" in str(packages.cure)
    files.write_text(own.root / "tasks" / "__init__.py", "")
    assert checks_of(own)["your Python"] == Check(
        "your Python", f"{own.root / 'tasks' / '__init__.py'} hides the tool's own tasks", "give it another name"
    )
    own.code_record.unlink()
    assert "`modelwright upgrade`" in str(checks_of(own)["modelwright"].cure)


def test_the_password_of_a_remote_is_not_shown(project: Project) -> None:
    subprocess.run(
        ["dvc", "remote", "add", "-q", "-d", "team", "https://me:SECRET@127.0.0.1/store"],
        cwd=project.root,
        check=True,
    )
    finding = checks_of(project)["dvc remote"].finding
    assert "127.0.0.1/store" in finding
    assert "SECRET" not in finding
