"""A verdict on live rows moves the aliases, on a real store: cut off anywhere, met by others, and never by the gate."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.params.register import Register, ShadowRules
from tasks.paths import Project
from tasks.promotion.chain import verify
from tasks.promotion.contest import Comparison, Promotion
from tasks.promotion.history import in_order
from tasks.promotion.reigns import reigns
from tasks.promotion.shadow import ShadowPair, ShadowVerdict, shadow_verdict
from tasks.tracking import store
from tasks.tracking.alias_history import Grounds, look, move
from tasks.tracking.champion import promotion_tag
from tasks.tracking.known_aliases import marks
from tasks.tracking.promoting import promote
from tasks.tracking.shadow import carry_out, keep_verdict, proving_version, standing_pair
from tasks.tracking.tags import PROMOTION_TAG
from tasks.tracking.version_aliases import assign_aliases
from tests.registry import NAME, Between, CutOffError, cut_off, project_with_versions

pytestmark = pytest.mark.chain

GATE = Grounds(who="register", reason="because")


@pytest.fixture
def project(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Version 1 is champion, and version 2 proves itself beside it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = project_with_versions(tmp_path, empty_store)
    client = store.connect(project)
    move(project, client, NAME, lambda _: {"champion": 1}, GATE)
    client.set_model_version_tag(NAME, "2", PROMOTION_TAG, promotion_tag(decided(in_shadow=True)))
    move(project, client, NAME, lambda _: {"challenger": 2}, GATE)
    return project


@pytest.fixture
def client(project: Project) -> MlflowClient:
    return store.connect(project)


def decided(*, promoted: bool = False, in_shadow: bool = False) -> Promotion:
    return Promotion(
        promoted=promoted, in_shadow=in_shadow, metric="accuracy", margin=0.0, challenger=0.9, champion_version=1,
        sentence="accuracy 0.9",
    )  # fmt: skip


def pair(project: Project) -> ShadowPair:
    standing = standing_pair(project, NAME)
    assert standing is not None
    return standing.pair


def verdict(project: Project, gain: float) -> ShadowVerdict:
    comparison = Comparison(
        challenger=0.8 + gain, champion=0.8, low=gain - 0.02, high=gain + 0.02, test="McNemar's exact test",
        p_value=0.0001 if gain > 0 else 0.9999, standard_error=0.01, num_rows=600,
    )  # fmt: skip
    config = Register(metric="accuracy", shadow=ShadowRules())
    return shadow_verdict(config, comparison, 1 - comparison.p_value, 1, pair(project))


def settled(project: Project) -> dict[str, int]:
    """The aliases of now; their history is whole."""
    client = store.connect(project)
    known = look(project, client, NAME)
    assert verify(known.kept, marks(client, NAME)).problems == ()
    return known.aliases


@pytest.mark.parametrize(
    ("gain", "after"),
    [(0.06, after) for after in (0, 2, 4, 5, 7, 8, 9)] + [(-0.06, after) for after in (1, 2, 3, 4)],
)
def test_a_verdict_that_is_cut_off_is_carried_out_by_the_next_look(
    project: Project, gain: float, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writes: the verdict, its sentence, who signed, the record, the aliases, the mark, that it is done."""
    decision, connect = verdict(project, gain), store.connect
    between = Between(connect(project), cut_off(after))
    with monkeypatch.context() as patch:
        patch.setattr(store, "connect", lambda _: between)
        try:
            keep_verdict(project, NAME, decision)
            carry_out(project, NAME, decision)
        except CutOffError:
            pass
        else:
            assert between.num_writes == after
    standing = standing_pair(project, NAME)
    if standing is not None:
        # Before the verdict was written there is none, and the look is taken again, with the same number.
        assert (standing.verdict == decision) == (after > 0)
        keep_verdict(project, NAME, decision)
        assert carry_out(project, NAME, decision)
    assert settled(project) == ({"champion": 2, "previous": 1} if gain > 0 else {"champion": 1})
    records = look(project, connect(project), NAME).records
    assert [reign.version for reign in reigns(records)] == ([1, 2] if gain > 0 else [1])
    last = next(record for record in reversed(in_order(records)) if "challenger" in record.moves)
    assert (last.who, last.verdict) == ("watch", decision.sentence)
    assert last.reason == f"surely {'better' if gain > 0 else 'worse'} than version 1 on 600 live rows"


def test_a_champion_that_is_called_challenger_as_well_proves_itself_beside_nobody(
    project: Project, client: MlflowClient
) -> None:
    client.set_registered_model_alias(NAME, "champion", "2")
    assert standing_pair(project, NAME) is None
    # Nor does a better version have to wait for it.
    assert proving_version(project.pipeline(NAME), ShadowRules(), "another model") is None


def test_nothing_moves_where_others_have_moved_the_aliases_meanwhile(project: Project) -> None:
    decision = verdict(project, 0.06)
    promote(project, NAME, "3", "because a person says so")
    assert not carry_out(project, NAME, decision)
    assert settled(project) == {"champion": 3, "challenger": 2, "previous": 1}
    # Beside another champion it begins anew, with the rows that both have answered.
    keep_verdict(project, NAME, decision)
    standing = standing_pair(project, NAME)
    assert standing is not None
    assert (standing.pair.champion, standing.verdict, standing.in_shadow) == (3, None, True)


def test_a_person_may_promote_the_challenger_at_any_time(project: Project) -> None:
    promote(project, NAME, "2", "because it is Monday")
    assert settled(project) == {"champion": 2, "previous": 1}
    assert standing_pair(project, NAME) is None


def assigned(project: Project, number: int, promotion: Promotion, *, proves: bool = True) -> tuple[str, ...]:
    client = store.connect(project)
    return assign_aliases(project, client, client.get_model_version(NAME, str(number)), promotion, proves=proves)


def test_who_proves_itself_keeps_its_alias_but_for_one_that_may_do_so_too(project: Project) -> None:
    assert assigned(project, 3, decided()) == ()
    # The model that is champion, registered once more, takes nothing away either.
    assert assigned(project, 1, decided(promoted=True)) == ("champion",)
    assert settled(project) == {"champion": 1, "challenger": 2}
    since = pair(project).since
    assert assigned(project, 2, decided(in_shadow=True)) == ("challenger",)
    assert pair(project).since == since
    assert assigned(project, 3, decided(in_shadow=True)) == ("challenger",)
    # From now on the answers of version 3 count, and those of version 2 do not.
    assert pair(project).challenger == 3
    assert pair(project).since > since


def test_without_the_setting_the_newest_challenger_has_the_alias(project: Project) -> None:
    assert assigned(project, 3, decided(), proves=False) == ("challenger",)
    assert assigned(project, 4, decided(promoted=True), proves=False) == ("champion",)
    assert settled(project) == {"champion": 4, "previous": 1}


def test_who_has_lost_on_live_rows_does_not_get_the_alias_back_beside_the_same_champion(project: Project) -> None:
    decision = verdict(project, -0.06)
    keep_verdict(project, NAME, decision)
    assert carry_out(project, NAME, decision)
    assert assigned(project, 2, decided(in_shadow=True)) == ()
    promote(project, NAME, "3", "because a person says so")
    assert assigned(project, 2, decided(in_shadow=True)) == ("challenger",)


def test_a_newer_version_waits_until_the_time_of_the_one_before_is_over(project: Project, client: MlflowClient) -> None:
    paths, rules = project.pipeline(NAME), ShadowRules(max_days=30)
    assert proving_version(paths, rules, "another model") == 2
    assert proving_version(paths, rules.model_copy(update={"newer_version": "replaces"}), "another model") is None
    second = timedelta(seconds=1e-3) / timedelta(days=1)
    assert proving_version(paths, ShadowRules(max_days=second), "another model") is None
    keep_verdict(project, NAME, verdict(project, 0.0).model_copy(update={"is_final": True}))
    assert proving_version(paths, rules, "another model") is None
    client.set_model_version_tag(NAME, "2", "modelwright.model", "its own")
    assert proving_version(paths, rules, "its own") is None
