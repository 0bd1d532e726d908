"""The workflow for GitHub: least rights, no secrets where a stranger's code runs, and commands that there are."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from tasks.command.cli import _parser
from tests.projects import REPOSITORY

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
    assert expressions == {"steps.run.outcome"}


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


def test_the_names_that_the_loop_runs_over_are_those_of_the_pipelines() -> None:
    (line,) = set(re.findall(r"names=\$\(modelwright list --json \| (.*)\)\n", TEXT))
    python, *arguments = shlex.split(line)
    rows = '[{"name": "churn", "state": "new"}, {"name": "digits", "state": "new"}]'
    interpreter = shutil.which(python)
    assert interpreter is not None
    done = subprocess.run([interpreter, *arguments], input=rows, capture_output=True, text=True, check=True)
    assert done.stdout == "churn digits\n"


def test_the_comment_is_found_again_by_the_mark_that_the_review_begins_with() -> None:
    from tasks.review.markdown import MARK

    assert f'startswith("{MARK}")' in TEXT
