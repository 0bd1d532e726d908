"""What the flow `monitoring` says of a challenger beside the champion: on the run's page, and as an event."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import monitoring
from tasks.monitoring.shadow import ShadowStanding, ShadowState
from tasks.paths import Project
from tasks.promotion.shadow import ShadowPair


def outcome(state: ShadowState | None) -> Any:
    """Of a look at version 3, with version 4 beside it."""
    shadow = state and ShadowStanding(
        pair=ShadowPair(champion=3, challenger=4, since="2026-03-01T09:00:00.000+00:00"),
        state=state,
        num_challenger=0,
        num_common=0,
        num_labelled=0,
        verdict=None,
        sentence="version 4 of <b>shop</b>",
    )
    look = SimpleNamespace(model=SimpleNamespace(name="shop", version=3), state="healthy", fired=[], rows=[], labels=[])
    return SimpleNamespace(look=look, page=Path("monitoring.html"), reason=None, shadow=shadow)


@pytest.mark.parametrize(
    ("state", "names"),
    [
        (None, []),
        ("proving", []),
        ("held", []),
        ("promoted", ["modelwright.challenger.promoted"]),
        ("rejected", ["modelwright.challenger.rejected"]),
        ("undecided", ["modelwright.challenger.undecided"]),
    ],
)
def test_an_event_says_that_a_challenger_is_decided_on_or_needs_a_person(
    state: ShadowState | None, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(monitoring, "emit_event", lambda **event: events.append(event))
    monitoring._tell("shop", outcome(state))
    assert [event["event"] for event in events] == names
    assert [event["payload"]["sentence"] for event in events] == ["version 4 of <b>shop</b>"] * len(names)


def test_the_page_of_the_run_says_how_the_challenger_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    monkeypatch.setattr(monitoring, "create_table_artifact", lambda **_: None)
    monkeypatch.setattr(monitoring, "create_markdown_artifact", lambda markdown, **_: texts.append(markdown))
    for state in ("proving", None):
        monitoring._show(Project(root=tmp_path), "shop", outcome(state), None)
    assert "- challenger, proving: version 4 of &lt;b>shop&lt;/b>" in texts[0]
    assert "challenger" not in texts[1]
