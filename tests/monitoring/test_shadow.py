"""A new version proves itself beside the champion, from the gate to the move of the alias, by what both answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from flows import training
from tasks import files, register
from tasks.command import cli, runs
from tasks.errors import UnreachableError, UserError
from tasks.memo import chain
from tasks.memo.chain import StageResult
from tasks.monitoring import shadow
from tasks.monitoring import watch as watching
from tasks.monitoring.look import Look
from tasks.monitoring.reference import reference_of
from tasks.monitoring.shadow import ShadowStanding, prove
from tasks.monitoring.watch import keep_reference
from tasks.params.file import load_pipeline
from tasks.params.monitor import Monitor
from tasks.paths import Paths
from tasks.prediction_log.places import monitoring_folder, shadow_lock
from tasks.promotion.contest import Comparison, NotComparableError, Promotion
from tasks.reports import Report
from tasks.scoring.job import score
from tasks.tables import storage
from tasks.tracking import store
from tasks.tracking.champion import find_champion
from tasks.tracking.promoting import champion_then, history, verified
from tasks.tracking.registered import registered_model
from tasks.tracking.standing import proving
from tests.monitoring.shadowed import answered, answered_in_this_process, labelled, retrained, rows, shadowed_shop
from tests.scoring.shop import request, write
from tests.trained import elsewhere

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    """The tests of this module run in order on one store."""
    with elsewhere(tmp_path_factory, empty_store) as root, answered_in_this_process():
        paths = shadowed_shop(root)
        keep_reference(paths)
        yield paths


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def looked(shop: Paths, at: datetime | None = None) -> ShadowStanding:
    standing = prove(shop.project, "shop", at)
    assert standing is not None
    return standing


def aliases(shop: Paths) -> dict[str, int]:
    model = store.connect(shop.project).get_registered_model("shop")
    return {alias: int(number) for alias, number in model.aliases.items()}


def test_a_run_keeps_what_its_version_is_watched_by_and_only_where_it_registered_one(
    shop: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Paths] = []

    def keep(paths: Paths) -> None:
        kept.append(paths)

    monkeypatch.setattr(watching, "keep_reference", keep)
    monkeypatch.chdir(shop.project.root)
    for stage, outcome in (("register", "ran"), ("register", "unchanged"), ("register", "restored"), ("train", "ran")):
        numbers = {"name": "shop", "version": 1, "aliases": []}
        report = Report(stage=stage, figure="", numbers=numbers)
        result = StageResult(stage=stage, outcome=outcome, seconds=0, why=(), report=report)  # type: ignore[arg-type]
        monkeypatch.setattr(chain, "run_plain", lambda *_, result=result, **__: [result])
        assert cli.main(["run", "shop", "--plain"]) == 0
        training._keep_reference(shop, [result])
        assert len(kept) == 2, (stage, outcome)


def test_a_registry_that_goes_away_after_it_has_the_version_ends_no_run(
    shop: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*_: Any) -> None:
        raise UnreachableError("the registry does not answer")

    result = StageResult(stage="register", outcome="ran", seconds=0, why=(), report=Report(stage="register", figure=""))
    monkeypatch.setattr(watching, "registered_model", away)
    monkeypatch.setattr(chain, "run_plain", lambda *_, **__: [result])
    monkeypatch.setattr(runs, "_outcome", lambda *_: {})
    monkeypatch.chdir(shop.project.root)
    assert cli.main(["run", "shop", "--plain", "--json"]) == 0
    assert capsys.readouterr().err == (
        "the registry does not answer; shop:1 is registered, and what it is watched by is not kept yet: `modelwright "
        "watch shop:1` does so while its training rows lie here\n"
    )


def test_a_champion_can_be_watched_when_another_training_came_after_it(shop: Paths) -> None:
    # Kept when it was registered; what lies here now is of another one.
    passport = files.read_json(shop.passport)
    files.write_json(shop.passport, {**passport, "digests": {**passport["digests"], "model": "of another training"}})
    try:
        reference, _ = reference_of(shop, registered_model(shop.project, "shop"), Monitor())
    finally:
        files.write_json(shop.passport, passport)
    assert (reference.version, reference.num_rows) == (1, storage.count_rows(shop.split("train")))


def test_the_first_version_is_champion_and_a_better_one_is_challenger_first(shop: Paths) -> None:
    assert files.read_json(shop.verdict)["decision"] == "promote"
    assert prove(shop.project, "shop") is None
    report = retrained(shop, "C: 1.0")
    assert report.figure == "shop version 2, challenger"
    assert report.diagnostics[0].endswith(
        "surely better, so this one is challenger, and proves itself beside the champion on live rows first "
        "(register.shadow)"
    )
    content = files.read_json(shop.verdict)
    assert (content["decision"], content["promotion"]["promoted"], content["promotion"]["in_shadow"]) == (
        "shadow",
        False,
        True,
    )
    assert aliases(shop) == {"champion": 1, "challenger": 2}
    record = history(shop.project, "shop")[0][0]
    assert record.reason == "passed the gate, and proves itself beside the champion on live rows"
    assert "proves itself beside" in store.connect(shop.project).get_model_version("shop", "2").description
    assert proving(shop) == (
        "version 2 is challenger, and proves itself beside version 1 on live rows; `modelwright watch shop` says how "
        "far it is"
    )


def test_another_better_version_waits_meanwhile(shop: Paths) -> None:
    config, champion = load_pipeline(shop.project.params, "shop").register_, find_champion(shop)
    assert champion is not None
    better = Promotion.model_validate(files.read_json(shop.verdict)["promotion"])
    waits = register._in_shadow(config, shop, champion, "another model", better)
    assert not waits.in_shadow
    assert "waits without an alias, as version 2 proves itself on live rows now" in waits.sentence
    itself = str(files.read_json(shop.registration)["model"])
    assert register._in_shadow(config, shop, champion, itself, better) == better


def test_what_is_missing_is_told_with_what_to_do(shop: Paths) -> None:
    assert "it has answered nothing: `modelwright serve shop --shadow challenger`" in looked(shop).sentence
    live = rows(1, 80)
    answered(shop, 2, live, now(), right=0.6)
    alone = looked(shop)
    assert (alone.state, alone.num_challenger, alone.num_common) == ("proving", 80, 0)
    assert "80 rows, none of which the champion was asked with the same values" in alone.sentence
    answered(shop, 1, live, now(), right=0.6)
    assert "both have answered 80 live rows, and no label of them has come since" in looked(shop).sentence
    labelled(shop, live[:59], now())
    few = looked(shop)
    assert (few.num_common, few.num_labelled, few.verdict) == (80, 59, None)
    assert "both have answered 59 labelled live rows, and 60 are needed for a first look" in few.sentence


def test_who_cannot_be_watched_is_compared_all_the_same(shop: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """The champion's training rows may be gone, as those of the challenger lie in their place."""

    def refuses(*_: Any) -> Look:
        raise UserError("its training rows do not lie here any more")

    monkeypatch.setattr(watching, "look_at", refuses)
    with pytest.raises(UserError, match=r"do not lie here any more\nchallenger, proving: version 2 proves itself"):
        watching.watch(shop.project, registered_model(shop.project, "shop"))


def test_two_looks_at_once_wait_for_each_other(shop: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "_LOCK_SECONDS", 0.1)
    with FileLock(shadow_lock(shop)), pytest.raises(UserError, match=r"shadow\.lock: another process holds it"):
        prove(shop.project, "shop")


def test_what_live_rows_cannot_tell_is_no_look(shop: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of labels of one class no area under a curve is to be had (tests/monitoring/test_shadow_rows.py)."""

    def refuses(*_: Any) -> Comparison:
        raise NotComparableError("roc_auc of the 80 test rows tells nothing of others")

    labelled(shop, rows(1, 80), now())
    monkeypatch.setattr(shadow, "compare", refuses)
    standing = looked(shop)
    assert (standing.state, standing.verdict) == ("proving", None)
    assert standing.remarks[0].startswith(
        "not compared: roc_auc of the 80 live rows tells nothing of others; more labels"
    )


def test_one_that_is_surely_worse_on_live_rows_loses_its_alias_and_does_not_get_it_back(shop: Paths) -> None:
    first = looked(shop)
    assert first.verdict is not None
    assert (first.state, first.verdict.decision, first.verdict.look) == ("proving", "hold", 1)
    # When the time is over there is a last look, where new rows have come, and then a person has to decide.
    late = looked(shop, now() + timedelta(days=31))
    assert (late.state, late.verdict) == ("undecided", first.verdict)
    assert "a person decides: `modelwright promote shop 2 --because WHY`" in late.sentence
    # The same rows are the same look, and the same verdict, however often it is asked.
    again = looked(shop)
    assert again.verdict == first.verdict
    assert "the next look is at 140 labelled rows, and 80 are there" in again.sentence
    live = rows(2, 120)
    answered(shop, 1, live, now(), right=1.0, seed=1)
    answered(shop, 2, live, now(), right=0.3, seed=1)
    labelled(shop, live, now())
    worse = looked(shop)
    assert worse.verdict is not None
    assert (worse.state, worse.verdict.look, worse.verdict.num_rows) == ("rejected", 2, 200)
    assert worse.sentence.endswith("surely worse, so it is challenger no more, and the champion stays")
    assert aliases(shop) == {"champion": 1}
    assert proving(shop) is None
    record = history(shop.project, "shop")[0][0]
    assert (record.who, record.reason) == ("watch", "surely worse than version 1 on 200 live rows")
    assert prove(shop.project, "shop") is None
    places = sorted(monitoring_folder(shop, 2).glob("shadow-*.json"))
    assert [files.read_json(place)["decision"] for place in places] == ["hold", "reject"]
    # The gate finds it better again, on the same test rows; live rows have spoken.
    report = register.run(load_pipeline(shop.project.params, "shop"), shop)
    assert report.figure == "shop version 2"
    assert report.diagnostics[0].startswith("this model was tried on live rows before")
    assert aliases(shop) == {"champion": 1}


def test_one_that_is_better_becomes_champion_by_the_answers_of_both(
    shop: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert retrained(shop, "C: 0.5").figure == "shop version 3, challenger"
    live = rows(3, 150)
    source = write(shop.project.root / "live.csv", [row.rpartition(";")[0] for row in live])
    for asked in ("shop", "shop@challenger"):
        score(request(shop, source, shop.project.root / "answers.csv", asked=asked))
    labelled(shop, live, now())
    monkeypatch.chdir(shop.project.root)
    assert cli.main(["watch", "shop", "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)["shadow"]
    assert (outcome["state"], outcome["challenger"], outcome["verdict"]["num_rows"]) == ("promoted", 3, 150)
    # Of the former challenger's answers none counts.
    assert (outcome["num_challenger"], outcome["num_common"]) == (150, 150)
    assert aliases(shop) == {"champion": 3, "previous": 1}
    then = champion_then(shop.project, "shop").reign
    assert then is not None
    assert (then.record.who, then.record.reason) == ("watch", "surely better than version 1 on 150 live rows")
    assert then.record.verdict == outcome["verdict"]["sentence"]
    assert verified(shop.project, "shop", []).problems == ()
    version = store.connect(shop.project).get_model_version("shop", "3")
    assert "### On live rows, beside the champion" in version.description
    assert version.tags["modelwright.signed_off_by"] == "live rows, by the rules of params.yaml"
    assert "version 3 is champion, in the place of version 1" in (shop.reports / "monitoring.html").read_text()
    monkeypatch.chdir(shop.project.root / "elsewhere")
