"""What the server takes and answers, as an OpenAPI document of the version that is live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.environment import installed_version
from tasks.serving.rows import ServedColumn
from tasks.serving.version import ServedVersion

GIVABLE = ("probabilities", "sets", "reasons")
"""What `with=` takes."""

_CELL: Mapping[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_LIST_TOO: Mapping[str, Any] = {"type": ["string", "number", "boolean", "null", "array"]}
_ERRORS = {
    "400": "The body is no JSON, or a form that cannot be read.",
    "401": "The key is missing or wrong.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body is neither JSON nor a form, is packed, or in another charset than UTF-8.",
    "422": "Rows lack columns or hold values that cannot be read; `problems` names them.",
    "429": "Too many requests; Retry-After says when to come back.",
    "503": "Too many requests wait, or no process can be asked; the same request may be sent again.",
    "504": "No answer within the time limit.",
}


def openapi(version: ServedVersion, *, has_key: bool) -> dict[str, Any]:
    """The document (OpenAPI 3.1): the columns of a row are those that this version asks for."""
    model = version.model
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": model.name,
            "version": str(model.version),
            "description": f"{model.shown}, served by Modelwright {installed_version('modelwright') or ''}".strip(),
        },
        "paths": {
            "/predict": {"post": _asking("predict", "Answers rows.", "Answers", [_WITH, _CLASS])},
            "/explain": {"post": _asking("explain", "Says what each column adds.", "Explanations", [_CLASS])},
            "/health": {"get": _telling("health", "Whether the server runs.", "application/json")},
            "/ready": {"get": _telling("ready", "Whether it can answer, and which version does.", "application/json")},
            "/metrics": {"get": _telling("metrics", "Counters, for Prometheus.", "text/plain")},
            "/openapi.json": {"get": _telling("openapi", "This document.", "application/json")},
            "/": {"get": _telling("page", "This document, to read.", "text/html")},
        },
        "components": {"schemas": _schemas(version)},
    }
    document["paths"]["/ready"]["get"]["responses"]["503"] = {"description": "No process can be asked now."}
    if has_key:
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        document["security"] = [{"bearer": []}, {"header": []}]
        for path in ("/health", "/ready"):
            document["paths"][path]["get"]["security"] = []
    return document


_WITH = {
    "name": "with",
    "in": "query",
    "description": f"What each answer has besides the prediction, with commas between: {', '.join(GIVABLE)}.",
    "schema": {"type": "array", "items": {"enum": list(GIVABLE)}, "uniqueItems": True},
    "style": "form",
    "explode": False,
}
_CLASS = {
    "name": "class",
    "in": "query",
    "description": "The class that reasons are about; by default the last one of two, else the one that is answered.",
    "schema": {"type": "string"},
}


def _asking(name: str, summary: str, answer: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    errors = {status: {"description": text, "content": error} for status, text in _ERRORS.items()}
    body = {
        "application/json": {"schema": {"$ref": "#/components/schemas/Rows"}},
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/Form"}},
    }
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "requestBody": {"required": True, "content": body},
        "responses": {"200": _answer(summary, "application/json", answer), **errors},
    }


def _telling(name: str, summary: str, kind: str) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": {"200": _answer(summary, kind)}}


def _answer(summary: str, kind: str, schema: str | None = None) -> dict[str, Any]:
    return {
        "description": summary,
        "content": {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else {}}},
    }


def _schemas(version: ServedVersion) -> dict[str, Any]:
    row = {
        "type": "object",
        "required": [column.name for column in version.columns if column.is_required],
        "properties": {column.name: _cell(column) for column in version.columns},
    }
    head = {
        "model": {"type": "string"},
        "model_version": {"type": "integer"},
        "recipe": {"type": "string"},
        "ignored": {"type": "array", "items": {"type": "string"}},
    }
    return {
        "Row": row,
        "Rows": {
            "type": "object",
            "required": ["rows"],
            "properties": {"rows": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Row"}}},
        },
        "Form": {
            "type": "object",
            "description": "One row: files by column, and other columns as text, or all of them as JSON in `row`.",
        },
        "Answer": _ANSWER,
        "Answers": _list_of("answers", "#/components/schemas/Answer", head),
        "Explanation": {"type": "object", "required": ["prediction", "reasons"]},
        "Explanations": _list_of("explanations", "#/components/schemas/Explanation", head),
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {"error": {"type": "string"}, "problems": {"type": "array", "items": _PROBLEM}},
        },
    }


_ANSWER = {
    "type": "object",
    "required": ["prediction"],
    "properties": {
        "prediction": {"type": ["string", "number"]},
        "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
        "prediction_low": {"type": "number"},
        "prediction_high": {"type": "number"},
        "prediction_set": {"type": "array", "items": {"type": "string"}},
        "reasons": {"type": "array", "items": {"type": "object"}},
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["row", "column", "message"],
    "properties": {
        "row": {"type": ["integer", "null"], "description": "Counted from 1."},
        "column": {"type": ["string", "null"]},
        "message": {"type": "string"},
    },
}


def _cell(column: ServedColumn) -> dict[str, Any]:
    about = ": ".join(filter(None, [column.type, column.accepts]))
    cell = dict(_LIST_TOO if column.may_be_a_list else _CELL)
    return {**cell, "description": about} if about else cell


def _list_of(name: str, item: str, head: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["model", "model_version", "recipe", name],
        "properties": {**head, name: {"type": "array", "items": {"$ref": item}}},
    }
