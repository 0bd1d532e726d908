"""A better version that waits while another one proves itself: what its message says to do makes it challenger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import register
from tasks.params.file import load_pipeline
from tasks.paths import Paths
from tasks.tracking import store
from tests.monitoring.shadowed import answered_in_this_process, retrained, shadowed_shop
from tests.trained import elsewhere

pytestmark = pytest.mark.chain


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    with elsewhere(tmp_path_factory, empty_store) as root, answered_in_this_process():
        yield shadowed_shop(root)


def test_one_that_waited_is_judged_again_once_the_other_is_decided_on(shop: Paths) -> None:
    assert retrained(shop, "C: 1.0").figure == "shop version 2, challenger"
    waits = retrained(shop, "C: 0.5")
    assert waits.figure == "shop version 3"
    assert "have this one judged again (`modelwright run shop --from register --force`)" in waits.diagnostics[0]
    # As `modelwright watch` does with one that is surely worse on live rows.
    store.connect(shop.project).delete_registered_model_alias("shop", "challenger")
    # What the command does, and no version is made a second time.
    again = register.run(load_pipeline(shop.project.params, "shop"), shop)
    assert again.figure == "shop version 3, challenger"
    assert "proves itself beside the champion on live rows first" in again.diagnostics[0]
