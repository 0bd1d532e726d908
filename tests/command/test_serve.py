"""What `modelwright serve` is told: its options first, then the block of the pipeline, then the defaults."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.command.cli import _parser
from tasks.command.serve import serve_settings
from tasks.errors import UserError
from tasks.params.serve import Serve
from tasks.serving.settings import ServeSettings, TrafficShare, check_settings

BLOCK = Serve(alias="live", port=9000, workers=3, shadow="challenger", timeout=2.5, rate=7, queue=5)


def told(block: Serve, *options: str) -> ServeSettings:
    settings = serve_settings(_parser().parse_args(["serve", *options]), block)
    check_settings(settings)
    return settings


def test_an_empty_block_changes_nothing() -> None:
    assert told(Serve(), "shop") == ServeSettings(asked="shop")


def test_the_block_is_taken_where_no_option_says_otherwise() -> None:
    expected: dict[str, Any] = {
        "num_workers": 3,
        "shadow": TrafficShare(alias="challenger", share=1),
        "time_limit": 2.5,
        "rate": 7,
        "num_waiting": 5,
    }
    assert told(BLOCK, "shop") == ServeSettings(asked="shop@live", port=9000, **expected)
    changed = told(BLOCK, "shop", "--port", "0", "--workers", "1", "--rate", "2", "--shadow", "next", "--wait")
    expected |= {"num_workers": 1, "rate": 2, "shadow": TrafficShare(alias="next", share=1), "waits": True}
    assert changed == ServeSettings(asked="shop@live", port=0, **expected)


@pytest.mark.parametrize("asked", ["shop@champion", "shop:3", "models:/shop/3"])
def test_a_version_that_is_named_is_the_one_that_answers(asked: str) -> None:
    assert told(BLOCK, asked).asked == asked


def test_a_share_takes_the_place_of_the_blocks_copies() -> None:
    settings = told(BLOCK, "shop", "--split", "challenger=5")
    assert (settings.split, settings.shadow) == (TrafficShare(alias="challenger", share=0.05), None)


def test_copies_are_of_all_requests_or_of_a_share() -> None:
    assert told(BLOCK, "shop", "--shadow", "next=10%").shadow == TrafficShare(alias="next", share=0.1)
    assert told(Serve(shadow="challenger=2.5"), "shop").shadow == TrafficShare(alias="challenger", share=0.025)
    for wrong in ("next=", "next=101", "=5", "next=some"):
        with pytest.raises(
            UserError, match=f"--shadow {wrong}: write ALIAS or ALIAS=PERCENT with a number from 0 to 100"
        ):
            told(Serve(), "shop", "--shadow", wrong)
