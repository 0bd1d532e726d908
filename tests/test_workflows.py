"""The workflow for GitHub: least rights, no secrets where a stranger's code runs, and commands that there are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tasks.command.cli import _parser, main
from tests.projects import REPOSITORY

Ran = tuple[int, list[str]]
"""How a script ended, and how it called `modelwright`."""

WORKFLOW = REPOSITORY / ".github" / "workflows" / "pipelines.yml"
TEXT = WORKFLOW.read_text(encoding="utf-8")
# As YAML 1.2 has it, in which `on` is a word.
CONTENT: dict[str, Any] = YAML(typ="safe").load(TEXT)
JOBS: dict[str, Any] = CONTENT["jobs"]


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in JOBS.items():
        yield from ((name, step) for step in job["steps"])


def scripts() -> list[str]:
    return [step["run"] for _, step in steps() if "run" in step]


def commands(tool: str) -> list[list[str]]:
    """Every call of the tool in the scripts, its variables as words of their own."""
    calls = re.findall(rf"(?<![\w./-])(?<!<!-- ){tool} [^;|&)\n]+", "\n".join(scripts()))
    filled = [re.sub(r"\$\{\w+:\+([^}]*)\}", r"\1", call) for call in calls]
    return [shlex.split(re.sub(r'"?\$\w+"?', "https://example.org", call))[1:] for call in filled]


def test_a_new_project_gets_the_same_one() -> None:
    assert (REPOSITORY / "tasks" / "scaffold" / "template" / "pipelines.yml").read_text(encoding="utf-8") == TEXT


def test_a_pull_request_runs_without_secrets_and_with_least_rights() -> None:
    assert set(CONTENT["on"]) == {"pull_request", "push", "workflow_dispatch"}
    assert CONTENT["permissions"] == {}
    assert JOBS["review"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert JOBS["register"]["permissions"] == {"contents": "read"}
    assert JOBS["review"]["if"] == "github.event_name == 'pull_request'"
    assert "secrets." not in str({**CONTENT, "jobs": {"review": JOBS["review"]}})
    # What holds the secrets runs the main branch alone.
    assert JOBS["register"]["if"] == "github.event_name != 'pull_request' && github.ref == 'refs/heads/main'"
    assert "secrets.MLFLOW_TRACKING_URI" in str(JOBS["register"])


def test_actions_are_pinned_to_a_commit_and_leave_no_token_behind() -> None:
    used = [step for _, step in steps() if "uses" in step]
    assert len(used) == 6
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"]) for step in used)
    # The version that a commit is of stands beside it, for people.
    assert len(re.findall(r"uses: \S+ # v\d+\.\d+\.\d+\n", TEXT)) == 6
    checkouts = [step for step in used if step["uses"].startswith("actions/checkout")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False, False]


def test_no_script_holds_an_expression_that_others_may_fill() -> None:
    expressions = {found for script in scripts() for found in re.findall(r"\$\{\{ *(.*?) *\}\}", script)}
    assert expressions == {"steps.run.outcome", "steps.review.outcome"}


def test_a_script_ends_where_a_command_of_it_fails() -> None:
    # GitHub runs `bash -eo pipefail` where the shell is named, and else without pipefail.
    assert CONTENT["defaults"] == {"run": {"shell": "bash"}}
    (names,) = {line for script in scripts() for line in script.splitlines() if line.startswith("names=")}
    script = f"modelwright() {{ return 2; }}\n{names}\necho reached"
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", script], capture_output=True, text=True)
    assert (done.returncode != 0, done.stdout) == (True, "")


def test_every_script_is_one_that_the_shell_can_read() -> None:
    for script in scripts():
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
        assert done.returncode == 0, f"{script}\n{done.stderr}"


def test_every_command_is_one_that_there_is() -> None:
    calls = commands("modelwright")
    assert {call[0] for call in calls} == {"list", "run", "review"}
    for call in calls:
        _parser().parse_args(call)


@pytest.mark.chain
def test_every_call_of_dvc_has_options_that_it_knows() -> None:
    from dvc.cli import parse_args

    calls = commands("dvc")
    assert {call[0] for call in calls} == {"remote", "pull", "push"}
    for call in calls:
        parse_args(call)


def step(name: str) -> str:
    """The script of a step."""
    (script,) = {step["run"] for _, step in steps() if step.get("name") == name}
    return str(script)


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], Ran]:
    """Runs a step's script as GitHub does, in a project whose `list` is what the command prints.

    All other commands only write down what they were called with, and the gate of `masses` says no, as its review does.
    """
    # Blocks without a section are listed, too.
    (tmp_path / "params.yaml").write_text("pipelines: {scans: {}, masses: {}, notes: {}}")
    monkeypatch.chdir(tmp_path)
    assert main(["list", "--json"]) == 0
    (tmp_path / "list.json").write_text(capsys.readouterr().out)
    tool = tmp_path / "bin" / "modelwright"
    tool.parent.mkdir()
    tool.write_text(
        '#!/bin/sh\necho "$@" >> calls\ncase "$1 $2" in "list --json") cat list.json;; "run masses") exit 3;; '
        '"review --against") echo "the comment" > review.md; exit 3;; esac\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}")

    def run(name: str) -> Ran:
        done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step(name)], check=False)
        return done.returncode, (tmp_path / "calls").read_text().splitlines()

    return run


@pytest.mark.parametrize(
    ("name", "end"), [("Run what is out of date", " --to evaluate"), ("Run what is out of date, and register", "")]
)
def test_each_pipeline_is_run_though_the_gate_says_no_to_one(ran: Callable[[str], Ran], name: str, end: str) -> None:
    code, calls = ran(name)
    assert calls == ["list --json", *(f"run {pipeline} --plain{end}" for pipeline in ("scans", "masses", "notes"))]
    assert code != 0


def test_a_review_whose_gate_says_no_is_shown_and_fails_the_job_at_its_end(
    ran: Callable[[str], Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE", "c0ffee")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", f"{tmp_path / 'summary'}")
    code, calls = ran("Review")
    assert code == 3
    assert calls[-1] == "review --against c0ffee --output review.md"
    assert (tmp_path / "summary").read_text() == "the comment\n"
    # The comment is written all the same, and the last step has the last word.
    after = [one for _, one in steps() if one.get("id") in ("run", "review")]
    assert [one["continue-on-error"] for one in after] == [True, True]
    for run, review in (("success", "success"), ("success", "failure"), ("failure", "success")):
        script = step("Whether all went through").replace("${{ steps.run.outcome }}", run)
        done = subprocess.run(["bash", "-c", script.replace("${{ steps.review.outcome }}", review)], check=False)
        assert (done.returncode == 0) is (run == review == "success")


def test_the_comment_is_found_again_by_the_mark_that_the_review_begins_with() -> None:
    from tasks.review.markdown import MARK

    assert f'startswith("{MARK}")' in TEXT
