"""`modelwright compare` and `leaderboard` on a real store: the figures are those of the gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks import files
from tasks.command.cli import main
from tasks.command.compare import listed_under
from tasks.memo.chain import run_plain
from tasks.paths import Project
from tests.projects import command, make_project

pytestmark = pytest.mark.chain

PARAMS = """\
pipelines:
  masses:
    ingest: {source: {kind: builtin, name: breast_cancer}, target: diagnosis}
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    train: {kind: lightgbm, num_iterations: 20, num_leaves: 7}
    evaluate: {positive: malignant}
    register: {metric: roc_auc}
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """Two versions, and an evaluation that `dvc repro` did, which was not registered; then params.yaml as it was."""
    project = make_project(tmp_path_factory.mktemp("tried"), PARAMS, store=empty_store)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        run_plain(project, "masses")
        project.params.write_text(PARAMS.replace("num_leaves: 7", "num_leaves: 2"))
        run_plain(project, "masses")
        project.params.write_text(PARAMS.replace("num_iterations: 20", "num_iterations: 3"))
        command(project.root, "dvc", "repro", "evaluate@masses")
        project.params.write_text(PARAMS)
    return project


def printed(project: Project, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        assert main([*arguments, "--json"]) == 0
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


@pytest.mark.long
def test_two_versions_have_the_gates_figures(tried: Project, capsys: pytest.CaptureFixture[str]) -> None:
    promotion = files.read_json(tried.pipeline("masses").verdict)["promotion"]
    content = printed(tried, capsys, "compare", "masses", "1", "2")
    (contrast,) = content["compared"]
    assert (content["metric"], contrast["scored_today"]) == ("roc_auc", False)
    for ours, of_gate in (("value", "challenger"), ("baseline", "champion"), ("gain", "gain"), ("low", "low")):
        assert contrast[ours] == pytest.approx(promotion[of_gate], abs=1e-12)
    assert contrast["num_rows"] == promotion["num_rows"]
    assert contrast["differences"] == {"parameters": ["num_leaves 7 -> 2"], "data": [], "code": []}
    assert contrast["name"] == "num_leaves 7 -> 2"


def test_an_experiment_that_was_not_registered_is_compared_too(
    tried: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    content = printed(tried, capsys, "compare", "masses", "--last", "3")
    assert content["baseline"]["version"] == 1
    assert [contrast["version"] for contrast in content["compared"]] == [2, None]
    experiment = content["compared"][-1]
    roc_auc = files.read_json(tried.pipeline("masses").metrics)["roc_auc"]
    assert experiment["value"] == pytest.approx(roc_auc, abs=1e-12)
    assert experiment["differences"]["parameters"] == ["num_iterations 20 -> 3"]


def test_the_board_has_all_that_was_tried_and_the_best_first(
    tried: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    content = printed(tried, capsys, "leaderboard", "masses")
    assert [trial["rank"] for trial in content["trials"]] == [1, 2, 3]
    values = [trial["value"] for trial in content["trials"]]
    assert values == sorted(values, reverse=True)
    assert {trial["version"] for trial in content["trials"]} == {1, 2, None}
    assert all(trial["low"] <= trial["value"] <= trial["high"] for trial in content["trials"])


def test_the_tables_name_versions_and_what_may_be_said(
    tried: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tried.root)
    assert main(["compare", "masses", "@champion", "2"]) == 0
    text = capsys.readouterr().out
    assert "baseline: version 1 (champion), 'first: lightgbm'" in text
    assert "parameters num_leaves 7 -> 2" in text
    assert main(["leaderboard", "masses"]) == 0
    assert "the best" in capsys.readouterr().out


def test_mistakes_are_answered_with_what_there_is(
    tried: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tried.root)
    for arguments, words in (
        (["masses", "1", "7"], "there is no run or version 7; give one of"),
        (["masses", "1"], "name two runs or versions"),
        (["masses", "--last", "1"], "it takes two"),
        (["masses", "1", "@champion"], "is all that was named"),
        (["mases"], "did you mean masses?"),
    ):
        assert main(["compare", *arguments]) == 2
        assert words in capsys.readouterr().err


def test_few_differences_stand_in_a_line_and_many_under_each_other() -> None:
    assert listed_under("data", []) == "  data       the same"
    assert listed_under("data", ["a", "b", "c"]) == "  data       a; b; c"
    assert listed_under("data", ["a", "b", "c", "d"]).splitlines() == [
        "  data       a",
        *(f"             {line}" for line in "bcd"),
    ]
