"""The challenger that proves itself beside the champion, as the registry has it: since when, and with which verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tasks.params.register import ShadowRules
from tasks.paths import Paths, Project
from tasks.promotion.contest import Promotion
from tasks.promotion.history import Aliases, AliasRecord, carried_out
from tasks.promotion.shadow import BY_LIVE_ROWS, ShadowPair, ShadowVerdict
from tasks.tracking import describe, store
from tasks.tracking.alias_history import Grounds, look, move
from tasks.tracking.known_aliases import read_version, version_of_model
from tasks.tracking.markdown import fitted
from tasks.tracking.promoting import whole_version
from tasks.tracking.tags import CHALLENGER, CHAMPION, MODEL_TAG, PROMOTION_TAG, SHADOW_TAG, SIGNED_TAG, VERDICT_TAG
from tasks.wording import counted

if TYPE_CHECKING:
    from mlflow import MlflowClient

WATCH = "watch"
"""Who moves aliases by what live rows say, as the history names it."""


@dataclass(frozen=True, kw_only=True)
class StandingPair:
    """Champion and challenger of now. `in_shadow` says that the gate found the challenger better, and live rows decide;
    `verdict` is that of the last look at this very pair."""

    pair: ShadowPair
    in_shadow: bool
    verdict: ShadowVerdict | None
    model: str | None
    """The digest of the challenger's model."""


def standing_pair(project: Project, name: str) -> StandingPair | None:
    """None where no challenger stands beside a champion. Raises UserError when the registry cannot be reached."""
    with store.reachable(project):
        client = store.connect(project)
        known = look(project, client, name)
        champion, challenger = known.champion, known.aliases.get(CHALLENGER)
        version = None if challenger is None else read_version(client, name, challenger)
    # Somebody may give both aliases to one version: it would be compared with itself for as long as it stands.
    if champion is None or challenger in (None, champion) or version is None:
        return None
    since = _since(known.records, challenger)
    pair = ShadowPair(champion=champion, challenger=challenger, since=since)
    verdict = verdict_of(version.tags)
    return StandingPair(
        pair=pair,
        in_shadow=is_in_shadow(version.tags),
        # Of another champion, or of an earlier time as challenger, it says nothing.
        verdict=verdict if verdict is not None and verdict.is_of(pair) else None,
        model=version.tags.get(MODEL_TAG),
    )


def _since(records: tuple[AliasRecord, ...], challenger: int) -> str:
    """When the version got the alias that it has."""
    moves = [record for record in carried_out(records) if record.moves.get(CHALLENGER, (None, None))[1] == challenger]
    return moves[-1].time


def is_in_shadow(tags: Mapping[str, str]) -> bool:
    """Whether the gate found the version better, and left the last word to live rows."""
    return PROMOTION_TAG in tags and Promotion.model_validate_json(tags[PROMOTION_TAG]).in_shadow


def verdict_of(tags: Mapping[str, str]) -> ShadowVerdict | None:
    """The last one on the version with these tags."""
    try:
        return ShadowVerdict.model_validate_json(tags[SHADOW_TAG]) if SHADOW_TAG in tags else None
    except ValidationError:
        # Of a later version of the tool: what it says is for that one to read.
        return None


def is_rejected(tags: Mapping[str, str], champion: int | None) -> bool:
    """Whether the version with these tags was surely worse than this champion on live rows."""
    verdict = verdict_of(tags)
    return verdict is not None and verdict.decision == "reject" and verdict.pair.champion == champion


def rejection(paths: Paths, model: str, champion: int) -> ShadowVerdict | None:
    """The verdict by which the model of this digest lost on live rows to this champion; None where it did not.

    Raises UserError when the registry cannot be reached.
    """
    with store.reachable(paths.project):
        version = version_of_model(store.connect(paths.project), paths.pipeline, model)
    tags = {} if version is None else version.tags
    return verdict_of(tags) if is_rejected(tags, champion) else None


def proving_version(paths: Paths, rules: ShadowRules, model: str) -> int | None:
    """The version, of another model than this digest's, whose place a newer one is to leave it: it proves itself, and
    its time and rows are not over. Raises UserError as `rejection`."""
    standing = None if rules.newer_version == "replaces" else standing_pair(paths.project, paths.pipeline)
    if standing is None or not standing.in_shadow or standing.model == model:
        return None
    is_late = rules.max_days is not None and datetime.now(UTC) - standing.pair.moment >= timedelta(days=rules.max_days)
    is_over = is_late or (standing.verdict is not None and standing.verdict.is_final)
    return None if is_over else standing.pair.challenger


def keep_verdict(project: Project, name: str, verdict: ShadowVerdict) -> None:
    """Writes the verdict to the challenger's version, its description among it. Raises UserError as `rejection`."""
    with store.reachable(project):
        client = store.connect(project)
        number = str(verdict.pair.challenger)
        client.set_model_version_tag(name, number, SHADOW_TAG, verdict.model_dump_json())
        _say(client, name, number, verdict)


def _say(client: MlflowClient, name: str, number: str, verdict: ShadowVerdict) -> None:
    client.set_model_version_tag(name, number, VERDICT_TAG, verdict.sentence)
    card = client.get_model_version(name, number).description or ""
    more = describe.with_live_verdict(card, verdict)
    client.update_model_version(name, number, fitted(more, "card.md among the files of the run"))


def carry_out(project: Project, name: str, verdict: ShadowVerdict) -> bool:
    """Moves the aliases as the verdict says; False, and nothing is moved, where others have moved them meanwhile.

    A version that is rejected loses its alias: nothing is copied to it any more. Raises UserError when the files of a
    version that is to be champion are not whole, and when the registry cannot be reached.
    """
    pair = verdict.pair
    is_promoted = verdict.decision == "promote"

    def targets(aliases: Aliases) -> dict[str, int | None]:
        if (aliases.get(CHAMPION), aliases.get(CHALLENGER)) != (pair.champion, pair.challenger):
            return {}
        return {**({CHAMPION: pair.challenger} if is_promoted else {}), CHALLENGER: None}

    how = f"surely {'better' if is_promoted else 'worse'} than version {pair.champion}"
    grounds = Grounds(who=WATCH, reason=f"{how} on {counted(verdict.num_rows, 'live row')}", verdict=verdict.sentence)
    with store.reachable(project):
        client = store.connect(project)
        if is_promoted:
            whole_version(client, name, pair.challenger)
            # Before the alias moves: whoever is cut off in between is gone on with by the history alone.
            client.set_model_version_tag(name, str(pair.challenger), SIGNED_TAG, BY_LIVE_ROWS)
        after = move(project, client, name, targets, grounds).aliases
        champion = pair.challenger if is_promoted else pair.champion
        is_moved = after.get(CHAMPION) == champion and after.get(CHALLENGER) != pair.challenger
        if is_moved:
            final = verdict.model_copy(update={"is_carried_out": True})
            client.set_model_version_tag(name, str(pair.challenger), SHADOW_TAG, final.model_dump_json())
    return is_moved
