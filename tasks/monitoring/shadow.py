"""The challenger beside the champion: a look at what both answered to the same live rows, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import polars as pl

from tasks import files
from tasks.errors import UserError
from tasks.evaluation.comparison import chance_of_worse, compare
from tasks.monitoring.reference import reference_of
from tasks.monitoring.shadow_rows import LiveRows, judged_live_rows, live_rows
from tasks.monitoring.windows import DAY
from tasks.params.pipeline import Pipeline
from tasks.params.register import ShadowRules
from tasks.paths import Paths, Project
from tasks.prediction_log.labels import newest_labels
from tasks.prediction_log.log import logged_rows
from tasks.prediction_log.places import labels_folder, monitoring_folder, shadow_lock
from tasks.promotion.contest import NotComparableError
from tasks.promotion.reigns import shown
from tasks.promotion.shadow import ShadowPair, ShadowVerdict, is_due, shadow_verdict
from tasks.recipe.recipe import read_recipe
from tasks.scoring.request import settings_of
from tasks.tables.dataset import Column
from tasks.tracking.looks import number_of_look
from tasks.tracking.registered import RegisteredModel, registered_model
from tasks.tracking.shadow import StandingPair, carry_out, keep_verdict, standing_pair
from tasks.wording import counted

_LOCK_SECONDS = 60.0

ShadowState = Literal["proving", "promoted", "rejected", "undecided", "overtaken", "held"]
"""`held` is a challenger that the gate has not found better, `undecided` one whose time or rows are over; `overtaken`:
others moved the aliases between the verdict and the move."""


@dataclass(frozen=True, kw_only=True)
class ShadowStanding:
    """How a challenger stands beside the champion, after a look: `num_labelled` live rows that both have answered have
    labels, of `num_common` that both have answered, of `num_challenger` that the challenger has."""

    pair: ShadowPair
    state: ShadowState
    num_challenger: int
    num_common: int
    num_labelled: int
    verdict: ShadowVerdict | None
    sentence: str
    remarks: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **self.pair.model_dump(mode="json"),
            "state": self.state,
            "num_challenger": self.num_challenger,
            "num_common": self.num_common,
            "num_labelled": self.num_labelled,
            "sentence": self.sentence,
            "remarks": list(self.remarks),
            "verdict": None if self.verdict is None else self.verdict.model_dump(mode="json"),
        }


def prove(project: Project, name: str, now: datetime | None = None) -> ShadowStanding | None:
    """Looks at champion and challenger on live rows, where enough have come, and moves the aliases by the verdict.

    None where `register.shadow` is not set, or no challenger stands beside a champion. Whoever is killed does nothing
    twice: the next call goes on from what the registry says. Raises UserError when the registry cannot be reached.
    """
    settings = settings_of(project, name)
    if settings is None or settings.register_.shadow is None:
        return None
    paths = project.pipeline(name)
    with _alone(paths):
        standing = standing_pair(project, name)
        if standing is None:
            return None
        if not standing.in_shadow:
            return _held(name, standing)
        return _proved(paths, settings, settings.register_.shadow, standing, now or _now())


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    """One look at a time: of two at once the second one finds what the first has decided."""
    from filelock import FileLock, Timeout

    place = shadow_lock(paths)
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place)
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise UserError(
            f"{place}: another process holds it for {_LOCK_SECONDS:g} seconds; wait, or end that one, and run again"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _held(name: str, standing: StandingPair) -> ShadowStanding:
    number = standing.pair.challenger
    return ShadowStanding(
        pair=standing.pair,
        state="held",
        num_challenger=0,
        num_common=0,
        num_labelled=0,
        verdict=None,
        sentence=f"version {number} is challenger, and the gate has not found it better: live rows do not decide on "
        f"it; `modelwright promote {name} {number} --because WHY` makes it champion all the same",
    )


def _proved(
    paths: Paths, settings: Pipeline, rules: ShadowRules, standing: StandingPair, now: datetime
) -> ShadowStanding:
    pair, verdict = standing.pair, standing.verdict
    model = registered_model(paths.project, f"{paths.pipeline}:{pair.challenger}")
    remarks = _reference_remark(paths, model, settings)
    since = pair.moment.astimezone(UTC).replace(tzinfo=None)
    rows = _live_rows(paths, pair, model, since, now)
    is_final = _is_over(rules, rows, since, now)
    # One that decided, and whose version still stands here, was cut off between the verdict and the move.
    if verdict is None or verdict.decision == "hold":
        try:
            if is_due(rows.table.height, verdict, rules.min_rows, is_final=is_final):
                verdict = _look(paths, settings, pair, model, rows, is_final=is_final)
        except NotComparableError as reason:
            remarks += (
                f"not compared: {str(reason).replace('test row', 'live row')}; more labels may help, and else another "
                "register.metric, or a person who decides",
            )
    if verdict is not None:
        place = monitoring_folder(paths, pair.challenger) / f"shadow-{verdict.look:06d}.json"
        files.write_json(place, verdict.model_dump(mode="json"))
    state = _state_after(paths, verdict, is_final=is_final)
    return ShadowStanding(
        pair=pair,
        state=state,
        num_challenger=rows.num_challenger,
        num_common=rows.num_common,
        num_labelled=rows.table.height,
        verdict=verdict,
        sentence=_sentence(paths.pipeline, pair, rules, rows, verdict, state),
        remarks=remarks,
    )


def _state_after(paths: Paths, verdict: ShadowVerdict | None, *, is_final: bool) -> ShadowState:
    """What becomes of the aliases."""
    if verdict is None or verdict.decision == "hold":
        return "undecided" if is_final else "proving"
    if not carry_out(paths.project, paths.pipeline, verdict):
        return "overtaken"
    return "promoted" if verdict.decision == "promote" else "rejected"


def _sentence(
    name: str, pair: ShadowPair, rules: ShadowRules, rows: LiveRows, verdict: ShadowVerdict | None, state: ShadowState
) -> str:
    challenger, figures = f"version {pair.challenger}", "" if verdict is None else f": {verdict.sentence}"
    num_rows = rows.table.height
    match state:
        case "promoted":
            return f"{challenger} is champion, in the place of version {pair.champion}{figures}"
        case "rejected":
            return f"{challenger} is challenger no more{figures}"
        case "overtaken":
            return f"others have moved the aliases meanwhile, and {challenger} stays as they left it{figures}"
        case "undecided":
            return (
                f"{challenger} was neither surely better nor surely worse than version {pair.champion} in the time and "
                f"rows that register.shadow allows ({_missing(name, rows, verdict)}){figures}; a person decides: "
                f"`modelwright promote {name} {pair.challenger} --because WHY`, or another version takes its alias"
            )
    begun = f"{challenger} proves itself beside version {pair.champion} since {shown(pair.moment)}"
    if verdict is None:
        return f"{begun}; {_missing(name, rows, verdict)}, and {rules.min_rows:,} are needed for a first look"
    due = verdict.num_rows + rules.min_rows
    return f"{begun}{figures}; the next look is at {due:,} labelled rows, and {num_rows:,} are there"


def _missing(name: str, rows: LiveRows, verdict: ShadowVerdict | None) -> str:
    """How many rows there are, and what to do where it is plain why there are none."""
    if rows.table.height or verdict is not None:
        return f"both have answered {counted(rows.table.height, 'labelled live row')}"
    if rows.num_common:
        return (
            f"both have answered {counted(rows.num_common, 'live row')}, and no label of them has come since: "
            f"`modelwright feedback {name} labels.csv` takes labels"
        )
    what = f"{counted(rows.num_challenger, 'row')}, none of which the champion was asked with the same values"
    return (
        f"it has answered {what if rows.num_challenger else 'nothing'}: `modelwright serve {name} --shadow challenger` "
        f"has both answer, and so do `modelwright predict {name} ROWS` and `modelwright predict {name}@challenger ROWS`"
    )


def _reference_remark(paths: Paths, model: RegisteredModel, settings: Pipeline) -> tuple[str, ...]:
    """Takes what the challenger is watched by once it is champion, while its training rows lie here; or says that they
    do not any more."""
    try:
        reference_of(paths, model, settings.monitor)
    except UserError as error:
        return (f"once it is champion, it cannot be watched: {error}",)
    return ()


def _live_rows(paths: Paths, pair: ShadowPair, model: RegisteredModel, since: datetime, now: datetime) -> LiveRows:
    days = since.date(), now.date() + DAY
    champion, challenger = (logged_rows(paths, number, *days) for number in (pair.champion, pair.challenger))
    classes = read_recipe(model.model / "recipe.json").target.classes
    labels = newest_labels(labels_folder(paths), pl.String if classes else pl.Float64)
    return live_rows(champion, challenger, labels, since)


def _is_over(rules: ShadowRules, rows: LiveRows, since: datetime, now: datetime) -> bool:
    is_late = rules.max_days is not None and now - since >= timedelta(days=rules.max_days)
    return is_late or (rules.max_rows is not None and rows.table.height >= rules.max_rows)


def _look(
    paths: Paths, settings: Pipeline, pair: ShadowPair, model: RegisteredModel, rows: LiveRows, *, is_final: bool
) -> ShadowVerdict:
    """Compares, and writes the verdict to the registry. Raises NotComparableError where the rows tell nothing."""
    config = settings.register_
    classes = read_recipe(model.model / "recipe.json").target.classes
    columns = (model.passport or {}).get("columns", ())
    target = next(Column.model_validate(column) for column in columns if column["role"] == "target")
    judged, champion = judged_live_rows(rows, classes, target.repair)
    comparison = compare(config.metric, judged, champion, settings.evaluate, config.margin)
    notes = tuple(note.replace("test row", "live row") for note in comparison.notes)
    comparison = comparison.model_copy(update={"notes": (*notes, *_unweighted(rows))})
    p_worse = chance_of_worse(config.metric, judged, champion, settings.evaluate, config.margin)
    # The same rows and labels are the same look: whoever was killed right after it does not spend a second one.
    question = (str(pair.challenger), pair.since, rows.digest, config.metric, repr(config.margin))
    look = number_of_look(paths, pair.champion, question, "live")
    verdict = shadow_verdict(config, comparison, p_worse, look, pair, is_final=is_final)
    keep_verdict(paths.project, paths.pipeline, verdict)
    return verdict


def _unweighted(rows: LiveRows) -> tuple[str, ...]:
    if not rows.num_unweighted:
        return ()
    return (f"{counted(rows.num_unweighted, 'row')} came without a weight, which others have, and are left out",)
