"""Champion and challenger: whether a version takes the champion's place. Pure functions."""

from __future__ import annotations

from typing import Literal

from tasks.params.config import Config, Metric
from tasks.params.register import LOWER_IS_BETTER, Register
from tasks.promotion.looks import alpha_of
from tasks.promotion.power import power_for, visible_gain
from tasks.wording import counted, number

_IN_SHADOW = "is challenger, and proves itself beside the champion on live rows first (register.shadow)"


class NotComparableError(Exception):
    """The champion cannot be compared on today's test rows; the message says why."""


class SliceLoss(Config):
    """A kind of test rows in which a challenger is surely worse than the champion, by more than is allowed.

    `loss` is by how much, in the metric's unit; `p_value` is how likely as much would be seen there if it were worse by
    no more, and `adjusted_p_value` how likely in one of the slices if it were in none.
    """

    name: str
    num_rows: int
    loss: float
    p_value: float
    adjusted_p_value: float


class Comparison(Config):
    """The metric of both versions on the same test rows, and how sure it is that the challenger is better.

    `low` and `high` hold the gain with 95 % confidence, in the direction in which more is better. `p_value` is how
    likely as much or more would be seen, if the true gain were the margin, by the `test` of that name: one-sided.
    `num_groups` is how many groups were drawn, where the rows have groups.
    """

    challenger: float
    champion: float
    low: float
    high: float
    test: str
    p_value: float
    standard_error: float
    num_rows: int
    num_groups: int | None = None
    num_left_out: int | None = None
    """Test rows that the champion was trained on, which count for nobody; None where nobody knows."""
    slices: tuple[SliceLoss, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know to trust it: classes that the champion does not know, rows that it may have learnt."""


class Promotion(Config):
    """Whether a version becomes champion, and why.

    `in_shadow` says that it may, and is to prove itself on live rows first, as challenger (`register.shadow`).
    `champion` is what the champion reaches on the very rows that the `challenger` was judged on, and
    `champion_recorded` what it reached on those of its own time, which decides nothing. `gain` is how much better the
    challenger is, in the metric's unit; `low` and `high` are the ends of its 95 % interval. The `p_value` of the
    `test` decides: it must be no more than `alpha`, the share of `register.alpha` that this `look` at the champion has.
    A true gain of `visible_gain` beyond the margin would have been seen four times in five, one of
    `register.least_gain` with the chance `power`.
    """

    promoted: bool
    in_shadow: bool = False
    metric: Metric
    margin: float
    challenger: float
    champion: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    num_rows: int | None = None
    num_groups: int | None = None
    num_left_out: int | None = None
    test: str | None = None
    p_value: float | None = None
    alpha: float | None = None
    look: int | None = None
    visible_gain: float | None = None
    power: float | None = None
    champion_version: int | None = None
    champion_recorded: float | None = None
    slices: tuple[SliceLoss, ...] = ()
    """Where the challenger is surely worse by more than `register.slices.worse_by`."""
    notes: tuple[str, ...] = ()
    sentence: str


def first_version(config: Register, challenger: float, vanished: int | None = None) -> Promotion:
    """There is no champion, or `vanished`, who was it last, is one no more: who passes the gate becomes one."""
    sentence = f"the first version that passed the gate is champion, with {config.metric} {number(challenger)}"
    if vanished is not None:
        sentence = (
            f"there is no champion to compare with, as version {vanished}, which was it last, was deleted or lost the "
            f"alias: this one passed the gate and is champion, with {config.metric} {number(challenger)}"
        )
    return Promotion(
        promoted=True,
        metric=config.metric,
        margin=config.margin,
        challenger=challenger,
        champion_version=vanished,
        sentence=sentence,
    )


def champion_already(config: Register, challenger: float, version: int) -> Promotion:
    """The very model that is champion is registered once more."""
    return Promotion(
        promoted=True,
        metric=config.metric,
        margin=config.margin,
        challenger=challenger,
        champion_version=version,
        sentence=f"this model is the champion already, as version {version}; it has {config.metric} "
        f"{number(challenger)} on today's test rows",
    )


def contest(config: Register, comparison: Comparison, version: int, recorded: float | None, look: int = 1) -> Promotion:
    """Whether the challenger is surely better than champion `version` by the margin, at this look at it.

    A margin of 0 asks for any difference that is sure, and one below 0 lets a challenger pass that is surely not worse
    by more. With `register.shadow` live rows have the last word.
    """
    alpha = alpha_of(look, config.alpha)
    is_better = comparison.p_value <= alpha and comparison.num_rows >= config.min_rows
    passed = is_better and not comparison.slices
    return Promotion(
        promoted=passed and config.shadow is None,
        in_shadow=passed and config.shadow is not None,
        metric=config.metric,
        margin=config.margin,
        challenger=comparison.challenger,
        champion=comparison.champion,
        gain=gain_of(config.metric, comparison),
        low=comparison.low,
        high=comparison.high,
        num_rows=comparison.num_rows,
        num_groups=comparison.num_groups,
        num_left_out=comparison.num_left_out,
        test=comparison.test,
        p_value=comparison.p_value,
        alpha=alpha,
        look=look,
        visible_gain=visible_gain(comparison.standard_error, alpha),
        power=None if config.least_gain is None else power_for(config.least_gain, comparison.standard_error, alpha),
        champion_version=version,
        champion_recorded=recorded,
        slices=comparison.slices,
        notes=comparison.notes,
        sentence=_sentence(config, comparison, look, passed=passed),
    )


def gain_of(metric: Metric, comparison: Comparison) -> float:
    """How much better the challenger is, in the metric's unit."""
    more = comparison.challenger - comparison.champion
    return -more if metric in LOWER_IS_BETTER else more


def without_comparison(
    config: Register, challenger: float, version: int, recorded: float | None, reason: str
) -> Promotion:
    """The decision when champion `version` cannot be compared: what the settings say."""
    passed = config.not_comparable == "promote"
    replaced = "it is replaced, as register.not_comparable is promote"
    if config.shadow is not None:
        replaced = f"register.not_comparable is promote, and this one {_IN_SHADOW}"
    outcome = (
        replaced
        if passed
        else f"it keeps its place, and this one, with {config.metric} {number(challenger)}, is challenger; to replace "
        "it all the same, set `register: not_comparable: promote` in params.yaml and run again"
    )
    return Promotion(
        promoted=passed and config.shadow is None,
        in_shadow=passed and config.shadow is not None,
        metric=config.metric,
        margin=config.margin,
        challenger=challenger,
        champion_version=version,
        champion_recorded=recorded,
        sentence=f"the champion, version {version}, was not compared on today's test rows ({reason}): {outcome}",
    )


def waiting(promotion: Promotion, occupant: int, pipeline: str) -> Promotion:
    """Of a version that may prove itself on live rows, once the one that does so is decided on."""
    waits = (
        f"waits without an alias, as version {occupant} proves itself on live rows now: train anew once that is "
        f"decided, or have this one judged again (`modelwright run {pipeline} --from register --force`)"
    )
    sentence = promotion.sentence.replace(_IN_SHADOW, waits)
    return promotion.model_copy(update={"in_shadow": False, "sentence": sentence})


def rejected_before(promotion: Promotion, verdict: str) -> Promotion:
    """Of a model that lost on live rows to the champion of today: better on test rows again, it proves nothing new."""
    sentence = f"this model was tried on live rows before, and is not tried again beside the same champion: {verdict}"
    return promotion.model_copy(update={"in_shadow": False, "sentence": sentence})


def _sentence(config: Register, comparison: Comparison, look: int, *, passed: bool) -> str:
    alpha = alpha_of(look, config.alpha)
    asking = "a first look at a champion" if look == 1 else f"look {look} at this champion"
    sure = f"{difference(comparison, comparison.p_value)}, and {asking} asks for {chance(alpha)} at most"
    # Who was refused wants to know whether it could have been otherwise.
    is_better = comparison.p_value <= alpha
    visible = number(visible_gain(comparison.standard_error, alpha))
    limit = "" if is_better else f"; less than {visible} would hardly be seen on these rows"
    outcome = _outcome(config, comparison, is_better=is_better, passed=passed)
    return f"{figures(config.metric, comparison, 'test')} ({sure}), {outcome}{limit}"


def figures(metric: Metric, comparison: Comparison, kind: Literal["test", "live"]) -> str:
    """What both reach on the same rows of that kind, and the gain."""
    groups = f" of {comparison.num_groups:,} groups" if comparison.num_groups is not None else ""
    return (
        f"{metric} {number(comparison.challenger)} against the champion's {number(comparison.champion)} on the "
        f"same {comparison.num_rows:,} {kind} rows{groups}: {_signed(gain_of(metric, comparison))}"
    )


def difference(comparison: Comparison, p_value: float) -> str:
    """Where the gain lies, and how likely as much would be seen by chance, one way or the other."""
    return (
        f"95 % interval of the difference {_signed(comparison.low)} to {_signed(comparison.high)}; {comparison.test}, "
        f"p {chance(p_value)}"
    )


def surely_better(margin: float) -> str:
    """What is sure of a challenger that passes."""
    size = _size(margin)
    sure = {1: f"surely better by more than {size}", 0: "surely better", -1: f"surely not {size} worse"}
    return sure[(margin > 0) - (margin < 0)]


def not_sure(margin: float) -> str:
    """What is not sure of one that does not, and is not surely worse either."""
    missing = f"not surely better by more than the margin of {_size(margin)}" if margin > 0 else "no sure difference"
    return f"not surely within the margin of {_size(margin)}" if margin < 0 else missing


def _size(margin: float) -> str:
    # As somebody wrote it: 0.02 and 1,000,000.
    return f"{abs(margin):,.15g}"


def _outcome(config: Register, comparison: Comparison, *, is_better: bool, passed: bool) -> str:
    if passed:
        place = "so it takes the champion's place" if config.shadow is None else f"so this one {_IN_SHADOW}"
        return f"{surely_better(config.margin)}, {place}"
    if comparison.num_rows < config.min_rows:
        return f"too few rows, of which register.min_rows asks for {config.min_rows:,}, so the champion stays"
    if is_better:
        return f"but {_losses(config, comparison)}, so the champion stays"
    if comparison.high < 0:
        return "surely worse, so the champion stays"
    return f"{not_sure(config.margin)}, so the champion stays"


def _losses(config: Register, comparison: Comparison) -> str:
    worst, others = comparison.slices[0], len(comparison.slices) - 1
    more = f" and {others:,} more slices" if others > 1 else " and one more slice" if others else ""
    allowed = f" by more than the {config.slices.worse_by:,.15g} that is allowed" if config.slices.worse_by else ""
    return (
        f"where {worst.name} ({counted(worst.num_rows, 'row')}) it is surely worse{allowed}: by {number(worst.loss)} "
        "(p "
        f"{chance(worst.adjusted_p_value)} after all slices){more}"
    )


def chance(value: float) -> str:
    """A p-value as people write it."""
    return f"{value:.2g}" if value >= 1e-4 else f"{value:.0e}"


def _signed(value: float) -> str:
    """A gain as a person reads it: + for better, - for worse."""
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{number(abs(value))}"
