"""A pipeline's name in the tracking store: its experiment and its registered model, renamed together; its champion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tasks.errors import UserError, did_you_mean
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.champion import champion_number

if TYPE_CHECKING:
    from mlflow import MlflowClient


def has_store(project: Project) -> bool:
    """Whether there is a store to ask: a local one is made by the first training."""
    return not store.is_local(project) or store.local_database(project) is not None


def no_such_model(client: MlflowClient, name: str, asked: str) -> UserError:
    """What is said to whoever `asked` for a model of that name, which the registry does not have."""
    names = [model.name for model in client.search_registered_models(max_results=1000)]
    return UserError(
        f"{asked}: the registry has no model {name}{did_you_mean(name, names)}"
        + ("" if names else "; `modelwright run` registers one")
    )


def check_name_is_free(project: Project, old: str, new: str) -> None:
    """Raises UserError when both names have a registered model: two histories cannot be one."""
    if not has_store(project):
        return
    with store.reachable(project, store.COMMAND_AGAIN):
        names = {model.name for model in store.connect(project).search_registered_models(max_results=1000)}
    if {old, new} <= names:
        raise UserError(
            f"{store.shown_uri(project)}: the registry has models of both names, {old} and {new}; take another name"
        )


def rename(project: Project, old: str, new: str) -> list[str]:
    """Renames the experiment and the registered model, versions and aliases with them; says what it renamed.

    What has the new name already stays: an earlier call was cut off behind it.
    """
    if not has_store(project):
        return []
    renamed = []
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        if any(model.name == old for model in client.search_registered_models(max_results=1000)):
            client.rename_registered_model(old, new)
            renamed.append(f"the registered model {old}, with all its versions and aliases")
        experiment = client.get_experiment_by_name(old)
        if experiment is not None and client.get_experiment_by_name(new) is None:
            client.rename_experiment(experiment.experiment_id, new)
            renamed.append(f"the experiment {old}")
    return renamed


def champions(project: Project, names: Iterable[str]) -> dict[str, int | None]:
    """The champion's version of each pipeline, as the registry has it now. Raises UserError when it does not answer."""
    if not has_store(project):
        return dict.fromkeys(names)
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        return {name: champion_number(client, name) for name in names}
