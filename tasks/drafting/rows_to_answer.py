"""What a path or URL means that is given to a model: a source of the kind that it learnt from, without answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.drafting.given_settings import with_given
from tasks.drafting.location import Pointed, from_root, point
from tasks.tracking.registered import RegisteredModel

_UNLABELLED = "(?P<label>)"
"""New pictures lie in no folder of their class: this pattern names a class of none."""


def rows_to_answer(
    location: str, model: RegisteredModel, root: Path, query: str | None = None, given: Sequence[str] = ()
) -> dict[str, Any]:
    """The source's block, with the settings that were given as KEY=VALUE.

    Raises UserError when there is nothing, or several things to choose from.
    """
    return with_given(_pointed(location, model, root, query), given).source


def _pointed(location: str, model: RegisteredModel, root: Path, query: str | None) -> Pointed:
    kind = _trained_kind(model.passport or {})
    # What these kinds make of files, their names do not always tell: a model of documents is given documents.
    if query is None and kind in ("folder", "text") and Path(location).expanduser().exists():
        unlabelled = {"pattern": _UNLABELLED} if kind == "folder" else {"label": "none"}
        return Pointed(source={"kind": kind, "path": from_root(location, root), **unlabelled})
    return point(location, root, query)


def _trained_kind(passport: Mapping[str, Any]) -> str | None:
    source = passport.get("parameters", {}).get("ingest", {}).get("source") or {}
    content = source.get("content") or {}
    kind: str | None = content.get("kind") if source.get("kind") == "url" else source.get("kind")
    return kind
