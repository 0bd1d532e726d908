"""Growth against values whose slope is known, and the table's counts."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import linregress

from tests.soak.operation.content import FIRST, Content, changed, rows
from tests.soak.operation.disturbances import DISK_FULL, OUTAGES, SERVER_STALLED, Disturbance, Site
from tests.soak.operation.link import Link
from tests.soak.operation.machine import Machine
from tests.soak.operation.prefect_runs import PrefectRuns
from tests.soak.operation.report import gc_table, growth_table, slope_of, table
from tests.soak.operation.rounds import Round, Soak


def test_the_slope_and_its_error_are_those_of_scipy() -> None:
    values = 1000 + 3.5 * np.arange(40) + np.random.default_rng(0).normal(scale=20, size=40)
    slope, error = slope_of(list(values))
    reference = linregress(np.arange(40), values)
    assert (slope, error) == pytest.approx((reference.slope, reference.stderr), rel=1e-9)
    assert slope_of([1.0, 5.0]) == (0.0, 0.0)


def a_round(number: int, *, state: str = "Completed", kind: str | None = None, problems: int = 0) -> Round:
    disturbance = Disturbance(kind=kind, after=1.0) if kind else None
    this = Round(number=number, change="unchanged", content=FIRST, is_new=False, disturbance=disturbance)
    this.state, this.seconds = state, 10.0 * (1 + number)
    this.problems = ["a fault"] * problems
    this.memory, this.disk = {"mlflow": 2**20 * (100 + number)}, {"all": 2**20}
    return this


def test_runs_are_counted_by_what_befell_them() -> None:
    rounds = [a_round(0), a_round(1), a_round(2, state="Crashed", kind="a full disk", problems=2)]
    assert table(rounds).splitlines()[2:] == [
        "| a full disk | 1 | 0 | 1 | 30 | 30 | 1 |",
        "| nothing | 2 | 2 | 0 | 15 | 20 | 0 |",
    ]


def test_growth_is_in_kib_a_run() -> None:
    assert growth_table([a_round(number) for number in range(5)]).splitlines()[2:] == [
        "| memory: mlflow | 100.0 | 104.0 | +1024.0 ± 0.0 |",
        "| disk: all | 1.0 | 1.0 | +0.0 ± 0.0 |",
    ]


def test_what_gc_gave_back_is_summed() -> None:
    rounds = [a_round(number) for number in range(3)]
    for this, removed, mib in ((rounds[0], 2, 3), (rounds[2], 0, 1)):
        this.removed, this.freed = removed, {"dvc cache": 2**20 * mib}
    assert gc_table(rounds).splitlines() == [
        "gc was given 2 times, and removed 2 versions",
        "| of | MiB given back |",
        "| --- | --- |",
        "| dvc cache | 4.0 |",
    ]


def test_a_disturbance_that_met_no_run_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(root=tmp_path)
    soak = Soak(
        site=Site(servers=machine, worker=machine),
        prefect=PrefectRuns(address=lambda: ""),
        draw=random.Random(1),
        share=1,
    )
    kinds: list[str] = []

    def play(this: Round) -> None:
        this.state = "Completed"
        if this.disturbance:
            # The first time that it comes it is too late.
            this.struck = this.disturbance.kind in kinds
            kinds.append(this.disturbance.kind)

    monkeypatch.setattr(soak, "_play", play)
    num_kinds = len(soak.site.kinds())
    assert len([*soak.rounds(1 + 2 * num_kinds, 0, 60)]) == 1 + 2 * num_kinds
    assert sorted(kinds) == sorted(soak.site.kinds() * 2)


def test_more_rows_leave_the_earlier_ones_as_they_were() -> None:
    assert rows(440)[:400].equals(rows(400))
    # The kind follows the first column: what is learnt is worth something.
    learnt = rows(400)
    assert learnt.filter((pl.col("size") > 0) == (pl.col("kind") == "order")).height > 320


def test_each_change_but_back_and_unchanged_is_a_state_of_its_own() -> None:
    draw, content, earlier = random.Random(0), FIRST, [FIRST]
    for number in range(1, 200):
        before = content
        change, content = changed(content, earlier, number, draw)
        if change == "unchanged":
            assert content == before
        elif change == "back":
            assert content in earlier
        else:
            assert content not in earlier
            assert content.is_poor == (change == "worse" if change != "data" else before.is_poor)
        earlier = list(dict.fromkeys([*earlier, content]))
    assert len(earlier) > 30
    assert isinstance(content, Content)


def test_each_disturbance_comes_before_any_comes_again(tmp_path: Path) -> None:
    machine = Machine(root=tmp_path)
    site = Site(servers=machine, worker=machine, has_small_disk=True)
    prefect = PrefectRuns(address=lambda: "")
    soak = Soak(site=site, prefect=prefect, draw=random.Random(3), share=1.0)
    count = len(site.kinds())
    assert {DISK_FULL, SERVER_STALLED} < set(site.kinds())
    for _ in range(2):
        assert sorted(soak.next_kind() for _ in range(count)) == sorted(site.kinds())
    # Where runs reach their servers over links, these fail, too.
    apart = Site(servers=machine, worker=Machine(root=tmp_path / "worker"), links={"prefect": Link(lambda: 0)})
    assert set(OUTAGES) < set(apart.kinds())
    assert DISK_FULL not in apart.kinds()
