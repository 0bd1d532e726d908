"""The document of a version, and its page: for any columns, whatever they are called."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tasks.serving.api_page import api_page
from tasks.serving.app import AnswerService, make_app
from tasks.serving.openapi import openapi
from tasks.serving.rows import ServedColumn
from tasks.serving.settings import ServeSettings

COLUMNS = (
    ServedColumn(name="items", type="number", accepts="a number"),
    ServedColumn(name="<b>keys", type="image", accepts="a file"),
    ServedColumn(name="description", is_required=False),
)


def document(*, has_key: bool) -> dict[str, Any]:
    model = SimpleNamespace(name="shop", version=3, shown="shop version 3 (champion)")
    return openapi(SimpleNamespace(model=model, columns=COLUMNS), has_key=has_key)  # type: ignore[arg-type]


def references(content: Any) -> list[str]:
    if isinstance(content, dict):
        own = [content["$ref"]] if isinstance(content.get("$ref"), str) else []
        return own + [one for value in content.values() for one in references(value)]
    return [one for value in content for one in references(value)] if isinstance(content, list) else []


def test_what_it_refers_to_is_there() -> None:
    schemas = document(has_key=False)["components"]["schemas"]
    assert {one.rpartition("/")[2] for one in references(document(has_key=False))} <= set(schemas)


def test_it_has_every_route_and_no_other() -> None:
    settings = ServeSettings(asked="shop")
    nothing: Any = SimpleNamespace()
    app = make_app(
        AnswerService(
            following=nothing, settings=settings, metrics=nothing, shadow=nothing, log=nothing, key=None, rate=None
        )
    )
    assert {route.path for route in app.routes} == set(document(has_key=False)["paths"])


def test_a_column_may_be_left_out_where_the_version_does_without_and_be_a_list_where_it_is_a_picture() -> None:
    row = document(has_key=False)["components"]["schemas"]["Row"]
    assert row["required"] == ["items", "<b>keys"]
    assert "array" not in row["properties"]["items"]["type"]
    assert "array" in row["properties"]["<b>keys"]["type"]


@pytest.mark.parametrize("has_key", [False, True])
def test_the_page_shows_columns_as_they_are_called(has_key: bool) -> None:
    page = api_page(document(has_key=has_key))
    assert "<code>items</code>" in page
    assert "<b>keys" not in page
    assert "&lt;b&gt;keys" in page
