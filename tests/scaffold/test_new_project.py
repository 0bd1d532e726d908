"""A project of one's own: made whole in a new folder or not at all, and nothing that is there is touched."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks import files
from tasks.command.cli import main
from tasks.errors import UserError
from tasks.memo.code_record import check_tool
from tasks.params.pipeline import json_schema
from tasks.scaffold import new_project as module
from tasks.scaffold.new_project import dvc_yaml, new_project
from tests.projects import REPOSITORY, command, environment, files_below, modelwright

FILES = [
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvcignore",
    ".github/workflows/pipelines.yml",
    ".gitignore",
    "README.md",
    "code.json",
    "dvc.yaml",
    "expectations/.gitkeep",
    "mlflow/README.md",
    "params.schema.json",
    "params.yaml",
    "prefect.toml",
    "prefect.yaml",
]


def left_in(folder: Path) -> list[str]:
    """All files but git's own."""
    return sorted(name for name in files_below(folder) if not name.startswith(f"{folder.name}/.git/"))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_project_has_all_that_the_commands_need(tmp_path: Path, is_there: bool) -> None:
    if is_there:
        (tmp_path / "shop").mkdir()
    made = new_project(Path("shop"))
    assert made.repository is None
    project = made.project
    assert project.root == tmp_path / "shop"
    assert left_in(project.root) == [f"shop/{name}" for name in FILES]
    assert names_in(tmp_path) == ["shop"]
    assert files.read_json(project.schema) == json_schema()
    assert project.stages.read_text() == dvc_yaml()
    assert not project.is_repository
    check_tool(project)
    # Nothing but what is meant to be committed shows: what runs leave is ignored.
    for name in ("data/p/raw", "models/p/model.txt", "reports/p/run.json", "mlflow/mlflow.db", ".modelwright/code/x"):
        files.write_text(project.root / name, "")
    status = command(project.root, "git", "status", "--short", "--untracked-files=all").stdout
    assert sorted(line.removeprefix("?? ") for line in status.splitlines()) == FILES


def test_what_is_the_same_in_the_repository_stays_the_same(tmp_path: Path) -> None:
    project = new_project(tmp_path / "shop").project
    for name in (".dvc/config", ".dvc/.gitignore", ".github/workflows/pipelines.yml", "prefect.toml"):
        assert (project.root / name).read_text() == (REPOSITORY / name).read_text(), name


def test_dvc_and_the_commands_take_a_project_without_pipelines(tmp_path: Path) -> None:
    root = new_project(tmp_path / "shop").project.root
    command(root, "dvc", "repro", "--quiet")
    assert "up to date" in command(root, "dvc", "status").stdout
    for name in ("run", "status", "list"):
        done = modelwright(root, name, check=False)
        assert done.returncode == 2
        assert "holds no pipelines; `modelwright init NAME SOURCE` writes one" in done.stderr
    done = modelwright(root, "schedule", check=False, PREFECT_API_URL="")
    assert done.returncode == 2


def test_the_command_says_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "shop"]) == 0
    assert capsys.readouterr().out == "made the project shop\n\nNext: cd shop\n      modelwright init NAME SOURCE\n"
    # A shell takes the advice as it stands.
    assert main(["new", "Räder & Co"]) == 0
    assert "\nNext: cd 'Räder & Co'\n" in capsys.readouterr().out


def test_within_a_git_repository_none_is_made_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert main(["new", "team/shop"]) == 0
    assert f"it is part of the git repository {tmp_path}, so no other was made" in capsys.readouterr().out
    root = tmp_path / "team" / "shop"
    assert not (root / ".git").exists()
    # DVC works in a folder of a repository.
    command(root, "dvc", "repro", "--quiet")
    assert "up to date" in command(root, "dvc", "status").stdout


def test_a_folder_with_anything_in_it_is_refused_and_the_advice_works(tmp_path: Path) -> None:
    files.write_text(tmp_path / "shop" / ".hidden", "mine")
    with pytest.raises(UserError, match=r"^shop: not empty, and nothing in it is touched; give another one") as error:
        new_project(Path("shop"))
    assert files_below(tmp_path / "shop") == {"shop/.hidden": b"mine"}
    assert names_in(tmp_path) == ["shop"]
    advice = str(error.value).split("`")[1]
    assert main(shlex.split(advice)[1:]) == 0
    assert (tmp_path / "shop" / "project" / "params.yaml").exists()
    assert (tmp_path / "shop" / ".hidden").read_text() == "mine"


def test_the_folder_in_which_one_stands_is_refused_and_the_advice_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    with pytest.raises(UserError, match="you are in it") as error:
        new_project(Path())
    away, again = str(error.value).split("`")[1::2]
    monkeypatch.chdir(away.removeprefix("cd "))
    assert main(shlex.split(again)[1:]) == 0
    assert (tmp_path / "shop" / "params.yaml").exists()


@pytest.mark.parametrize("name", ["file", "link", "shop#1"])
def test_what_is_no_folder_for_a_project_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    before = names_in(tmp_path)
    with pytest.raises(UserError):
        new_project(Path(name))
    assert names_in(tmp_path) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_what_somebody_puts_in_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill = module._fill

    def meanwhile(project: module.Project) -> None:
        fill(project)
        files.write_text(tmp_path / "shop" / "orders.csv", "mine")

    monkeypatch.setattr(module, "_fill", meanwhile)
    with pytest.raises(UserError, match="not empty"):
        new_project(Path("shop"))
    assert files_below(tmp_path / "shop") == {"shop/orders.csv": b"mine"}
    assert names_in(tmp_path) == ["shop"]


def test_without_git_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="install git"):
        new_project(Path("shop"))
    assert names_in(tmp_path) == []


@pytest.mark.chain
@pytest.mark.parametrize("patience", [0.4, 0.8, 1.2])
def test_a_killed_one_leaves_no_half_of_a_project_and_the_next_goes_through(tmp_path: Path, patience: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks.command.cli", "new", "shop"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
    )
    time.sleep(patience)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.wait()
    root = tmp_path / "shop"
    # As a rename puts it there, it is there whole.
    assert not root.exists() or left_in(root) == [f"shop/{name}" for name in FILES]
    if not root.exists():
        modelwright(tmp_path, "new", "shop")
        assert left_in(root) == [f"shop/{name}" for name in FILES]
        assert names_in(tmp_path) == ["shop"]


def test_the_schedule_that_is_there_to_fill_in_runs_the_installed_flow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.deployments import deployments

    project = new_project(tmp_path / "shop").project
    monkeypatch.chdir(project.root)
    with pytest.raises(UserError, match="no pipeline has a schedule"):
        deployments(project)
    # As the file's head says.
    head, _, rest = project.deployments.read_text().partition("deployments: []\n")
    filled = re.sub("^#", "", rest, flags=re.MULTILINE).replace("pipeline: P", "pipeline: churn")
    project.deployments.write_text(f"{head}deployments:\n{filled}")
    (nightly,) = deployments(project)
    assert (nightly.flow_name, nightly.name, nightly.parameters) == ("training", "nightly", {"pipeline": "churn"})
    assert [getattr(each.schedule, "cron", None) for each in nightly.schedules or ()] == ["0 3 * * *"]


def test_a_module_of_the_users_own_is_not_taken_for_pythons_or_ours(tmp_path: Path) -> None:
    root = new_project(Path("shop")).project.root
    for name in ("random", "tasks", "typing", "polars"):
        (root / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    # As DVC starts a stage.
    (start,) = set(re.findall(r"cmd: (.*) -m tasks", (root / "dvc.yaml").read_text()))
    command(root, "bash", "-c", f"{start} -m tasks code")
    assert (root / "code.json").exists()
