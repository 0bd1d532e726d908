from __future__ import annotations

from typing import Any

from tasks.tracking import describe

COLUMNS: list[dict[str, Any]] = [
    {"name": "price", "type": "number", "role": "feature", "dialect": {"decimal": ",", "thousands": "."}},
    {"name": "rebate", "type": "number", "role": "feature", "repair": {"in_text": {"after": "%", "decimal": ","}}},
    {"name": "day", "type": "timestamp", "role": "feature", "dialect": {"format": "%d.%m.%Y"}},
    {"name": "town", "type": "category", "role": "feature", "dialect": {"missing": ["", "?"]}},
    {"name": "customer", "type": "text", "role": "id"},
    {"name": "label", "type": "category", "role": "target"},
]


def test_a_model_says_what_it_takes_for_each_column() -> None:
    page = describe.model({"pipeline": "shop", "task": "binary", "columns": COLUMNS})
    assert [line for line in page.splitlines() if line.startswith("- ")] == [
        "- `price` (number): a number, or text such as 1.234,5",
        "- `rebate` (number): a number, or text such as 1234,5 %",
        "- `day` (timestamp): a time such as 2024-01-31T23:59:00, or 31.01.2024",
        "- `town` (category): text",
    ]
