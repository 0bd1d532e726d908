"""Which aliases a registered version gets, by what the gate has decided of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.paths import Project
from tasks.promotion.contest import Promotion
from tasks.promotion.history import Aliases
from tasks.tracking.alias_history import Grounds, move
from tasks.tracking.champion import promotion_tag
from tasks.tracking.known_aliases import read_aliases, read_version
from tasks.tracking.shadow import is_in_shadow, is_rejected
from tasks.tracking.tags import CHALLENGER, CHAMPION, PROMOTION_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def assign_aliases(
    project: Project, client: MlflowClient, version: ModelVersion, promotion: Promotion, *, proves: bool
) -> tuple[str, ...]:
    """Moves champion and challenger, and returns the aliases that the version has then.

    Where versions are to `prove` themselves on live rows, one that does so keeps its alias: none takes it that the gate
    has not found better. Nor does a version get it back that has lost it on live rows to the champion of today. Raises
    UserError where another version became champion meanwhile.
    """
    name, number = version.name, int(version.version)

    def targets(aliases: Aliases) -> dict[str, int | None]:
        is_champion = aliases.get(CHAMPION) == number
        holder = aliases.get(CHALLENGER)
        is_kept = proves and holder not in (None, number) and _is_in_shadow(client, name, holder)
        if promotion.promoted:
            _check_champion(aliases.get(CHAMPION), number, promotion)
            return {CHAMPION: number, **({} if is_champion and is_kept else {CHALLENGER: None})}
        is_held_back = (is_kept and not promotion.in_shadow) or is_rejected(version.tags, aliases.get(CHAMPION))
        return {} if is_champion or is_held_back else {CHALLENGER: number}

    targets(read_aliases(client, name).aliases)
    # Before the aliases move: of a version that is champion the decision is read from here, and not made again.
    client.set_model_version_tag(name, str(number), PROMOTION_TAG, promotion_tag(promotion))
    grounds = Grounds(who="register", reason=_reason(promotion), verdict=promotion.sentence)
    after = move(project, client, name, targets, grounds).aliases
    return tuple(sorted(alias for alias, holder in after.items() if holder == number))


def _is_in_shadow(client: MlflowClient, name: str, number: int | None) -> bool:
    version = None if number is None else read_version(client, name, number)
    return version is not None and is_in_shadow(version.tags)


def _reason(promotion: Promotion) -> str:
    if promotion.in_shadow:
        return "passed the gate, and proves itself beside the champion on live rows"
    return f"passed the gate, and {'becomes champion' if promotion.promoted else 'asks to replace the champion'}"


def _check_champion(holder: int | None, number: int, promotion: Promotion) -> None:
    """Refuses to replace a champion that the version was not compared with: another run was faster."""
    if holder is None or holder in (number, promotion.champion_version):
        return
    raise UserError(
        f"register: version {holder} became champion meanwhile, and this one was not compared with it; run the stage "
        "again: nothing is lost"
    )
