"""For how long what no pipeline owns is kept, and sections that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.command.gc_plan import limits_of
from tasks.params.file import load_params, load_retentions
from tasks.params.retention import Retention, longest_days
from tasks.promotion.retention import VersionPolicy
from tasks.tracking.unneeded_runs import RunPolicy

DAY = 86_400.0
BLOCK = """\
    ingest: {source: {kind: builtin, name: digits}, target: digit}
    validate: {}
    split: {}
    clean: {}
    normalize: {}
    augment: {}
    train: {kind: lightgbm}
    evaluate: {}
    register: {metric: accuracy}
"""


def test_without_a_section_versions_never_go() -> None:
    assert Retention() == Retention(versions_days=None, last_versions=5, runs_days=90, last_runs=20)


@pytest.mark.parametrize(
    "section", [{"versions_days": 0}, {"runs_days": -1}, {"last_runs": -1}, {"days": 3}, {"versions_days": 1.5},
     {"versions_days": 10**11}, {"runs_days": 36_501}],
)  # fmt: skip
def test_what_is_no_policy_is_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Retention.model_validate(section)


def test_what_is_shared_is_kept_as_long_as_the_longest_asks() -> None:
    days = [Retention(runs_days=30), Retention(runs_days=200), Retention()]
    assert longest_days(days) == 200
    assert longest_days([*days, Retention(runs_days=None)]) is None
    assert longest_days([]) == 90


def test_a_section_that_is_wrong_is_none(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("pipelines: {a: {retention: {runs_days: 7}}, b: {clean: nonsense}, c: nonsense}")
    assert load_retentions(file) == [Retention(runs_days=7), Retention(), Retention()]
    file.write_text("pipelines: {a: {retention: {runs_days: seven}}, b: {}}")
    assert load_retentions(file) is None
    assert load_retentions(tmp_path / "not there") is None


def test_options_stand_for_what_is_said_of_runs_and_never_shorten_what_is_said_of_versions(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    policy = "    retention: {versions_days: 100, last_versions: 2, runs_days: 10, last_runs: 3}\n"
    file.write_text(f"pipelines:\n  kept:\n{BLOCK}  let:\n{BLOCK}{policy}    monitor: {{retention_days: 50}}\n")
    pipelines, now = load_params(file).pipelines, 1_000 * DAY
    limits = limits_of(pipelines, None, None, now)
    assert limits.versions == {"kept": VersionPolicy(last=5), "let": VersionPolicy(before=900 * DAY, last=2)}
    assert limits.runs["let"] == RunPolicy(before=990 * DAY, last=3)
    assert (limits.shared, limits.answer_days) == (910 * DAY, {"kept": 365, "let": 50})
    assert limits.models == {"kept": 910 * DAY, "let": 990 * DAY}
    short = limits_of(pipelines, DAY, 0, now)
    assert (short.versions, short.answer_days) == (limits.versions, limits.answer_days)
    assert short.runs == dict.fromkeys(pipelines, RunPolicy(before=999 * DAY, last=0))
    assert short.shared == 999 * DAY
    long = limits_of(pipelines, 200.5 * DAY, None, now)
    assert long.versions["let"].before == 799.5 * DAY
    assert long.answer_days == {"kept": 365, "let": 201}
    # A registration that is at work has logged its model already.
    assert limits_of(pipelines, 0.0, 0, now).models == dict.fromkeys(pipelines, now - 3_600)
