"""Who may ask, how often, and which version answers whom."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.serving.access import KEY_VARIABLE, is_allowed, is_loopback, server_key
from tasks.serving.rate_limit import RateLimit
from tasks.serving.settings import ServeSettings, check_settings, read_shadow, read_split
from tasks.serving.traffic import is_in_share

KEY = "k" * 20


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("here.example", False), ("localhost.example", False)],
)  # fmt: skip
def test_loopback_is_told_from_all_else(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_no_key_is_asked_for_on_loopback_unless_one_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server_key("127.0.0.1", tmp_path / "key") is None
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert server_key("127.0.0.1", tmp_path / "key") == KEY
    assert not (tmp_path / "key").exists()


def test_off_loopback_a_key_is_made_for_its_owner_alone_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "key"
    key = server_key("0.0.0.0", file)
    assert key is not None
    assert len(key) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert server_key("0.0.0.0", file) == key


def test_a_key_that_others_can_read_or_guess_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    server_key("0.0.0.0", file)
    file.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        server_key("0.0.0.0", file)
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(UserError, match="16 plain characters"):
        server_key("0.0.0.0", file)


def test_the_key_comes_in_either_header_and_no_other_does() -> None:
    assert is_allowed(None, "", "")
    assert is_allowed(KEY, f"Bearer {KEY}", "")
    assert is_allowed(KEY, "", KEY)
    for authorization, own in [("", ""), (KEY, ""), (f"Basic {KEY}", ""), ("Bearer", ""), ("", KEY[:-1]), ("", "é")]:
        assert not is_allowed(KEY, authorization, own)


def test_a_caller_may_send_its_rate_and_another_one_its_own() -> None:
    limit = RateLimit(2.0)
    assert [limit.wait("a", 10.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert limit.wait("b", 10.0) == 0.0
    assert limit.wait("a", 10.25) == pytest.approx(0.25)
    assert limit.wait("a", 10.5) == 0.0
    assert [limit.wait("a", 99.0) for _ in range(3)][:2] == [0.0, 0.0]


def test_less_than_one_a_second_lets_one_through_at_a_time() -> None:
    limit = RateLimit(0.1)
    assert [limit.wait("a", 0.0), limit.wait("a", 0.0), limit.wait("a", 10.0)] == [0.0, 10.0, 0.0]


def test_a_split_by_ids_is_the_same_every_time_and_of_its_share() -> None:
    ids = [f"request-{number}" for number in range(20_000)]
    shared = [is_in_share(0.05, one) for one in ids]
    assert shared == [is_in_share(0.05, one) for one in ids]
    # Four standard deviations of a share of 0.05 in 20,000 draws.
    assert sum(shared) / len(ids) == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 20_000) ** 0.5)
    assert all(is_in_share(1.0, one) for one in [*ids[:100], None])
    assert not any(is_in_share(0.0, one) for one in [*ids[:100], None])


def test_a_split_is_an_alias_and_a_percentage() -> None:
    split = read_split("challenger=5")
    assert (split.alias, split.share) == ("challenger", 0.05)
    assert read_split("challenger = 2.5%").share == 0.025
    for text in ("challenger", "=5", "challenger=x", "challenger=101", "challenger=-1", "challenger=nan"):
        with pytest.raises(UserError, match="such as challenger=5"):
            read_split(text)


@pytest.mark.parametrize(
    "settings",
    [
        {"shadow": read_shadow("a"), "split": read_split("a=5")},
        {"shadow": read_shadow("a"), "offline": True},
        {"shadow": read_shadow("champion")},
        {"split": read_split("champion=5")},
        {"num_workers": 0},
        {"time_limit": float("nan")},
        {"rate": 0.0},
        {"poll_seconds": 1e300},
        {"shadow": read_shadow("a b")},
        {"split": read_split("shop@a=5")},
    ],
)
def test_settings_that_leave_nothing_to_serve_with_are_refused(settings: dict) -> None:
    with pytest.raises(UserError):
        check_settings(ServeSettings(asked="shop", **settings))
