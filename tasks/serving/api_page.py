"""The OpenAPI document as a page to read: columns, routes, and a request to copy; it needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.pages.rendering import as_page, page_templates

_TEMPLATES = Path(__file__).parent / "templates"


def api_page(document: Mapping[str, Any]) -> str:
    """HTML with its styles inside, values escaped, no script."""
    row = document["components"]["schemas"]["Row"]
    example = json.dumps({"rows": [dict.fromkeys(row["properties"])]}, ensure_ascii=False)
    routes = [
        (method.upper(), path, about)
        for path, methods in document["paths"].items()
        for method, about in methods.items()
    ]
    template = page_templates(_TEMPLATES).get_template("api.html")
    return as_page(template.render(document=document, row=row, example=example, routes=routes))
