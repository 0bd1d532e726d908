"""Pages of templates, with one palette, of names and cells that may hold anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_SHARED = Path(__file__).parent / "templates"
"""`base.css`: the palette, light and dark, and the text of every page; for a page's own style to begin with."""
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control signs but tab and line end, and signs that turn the direction of text."""


def page_templates(folder: Path) -> Environment:
    """The templates of a page, and those that all pages share: what they are given is escaped, and a name that they are
    not given is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader([folder, _SHARED]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # Else it would be an empty place.
        undefined=StrictUndefined,
    )


def as_page(text: str) -> str:
    """A page whose names and cells hold no signs that terminals obey, nor any that turn the direction of text: these
    are written out. Those that join letters and emojis stay."""
    return _OBEYED.sub(lambda sign: ascii(sign[0])[1:-1], text)
