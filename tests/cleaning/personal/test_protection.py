from __future__ import annotations

import hashlib
import hmac
import re
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cleaning.personal.protection import hash_key, hashed, key_check, masked
from tasks.errors import UserError

KEY = b"0123456789abcdef"
TEXTS = st.lists(st.none() | st.text(max_size=12), max_size=8)


def strings(values: list[str | None]) -> pl.Series:
    return pl.Series("who", values, dtype=pl.String)


def test_masks_show_the_form_alone() -> None:
    given = strings(["Ann-Marie O'Neil", "+44 20 7946 0958", "a.b@c.org", "Żółć", "e\u0301", "٣٤", "नमस्ते", "", None])
    assert masked(given).to_list() == [
        "xxx-xxxxx x'xxxx",
        "+00 00 0000 0000",
        "x.x@x.xxx",
        "xxxx",
        "x",
        "00",
        "xxxx",
        "",
        None,
    ]


@given(TEXTS)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_no_letter_and_no_digit_is_left_by_a_mask(values: list[str | None]) -> None:
    shown = masked(strings(values))
    assert [text is None for text in shown] == [text is None for text in values]
    assert not any(sign.isalnum() and sign not in "x0" for text in shown.drop_nulls() for sign in text)


@given(TEXTS)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_hashes_are_those_of_the_standard_library(values: list[str | None]) -> None:
    expected = [None if v is None else hmac.new(KEY, v.encode(), hashlib.sha256).hexdigest() for v in values]
    result = hashed(strings(values), KEY)
    assert result.to_list() == expected
    assert (result.name, result.dtype) == ("who", pl.String)


def test_whole_numbers_hash_as_their_text() -> None:
    numbers = pl.Series("id", [5.0, 7.5, None])
    assert hashed(numbers, KEY).to_list() == hashed(pl.Series("id", ["5", "7.5", None]), KEY).to_list()


def test_another_key_gives_other_hashes_and_another_check() -> None:
    value = strings(["ann@example.org"])
    assert hashed(value, KEY)[0] != hashed(value, KEY + b"!")[0]
    assert key_check(KEY) == key_check(KEY) != key_check(KEY + b"!")
    assert re.fullmatch("[0-9a-f]{8}", key_check(KEY))


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "0123456789abcdef")
    assert hash_key("SOME_KEY") == KEY


def test_a_missing_or_short_key_is_refused_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(UserError, match=r"SOME_KEY is not set.*secrets\.token_hex"):
        hash_key("SOME_KEY")
    monkeypatch.setenv("SOME_KEY", "s3cret")
    with pytest.raises(UserError, match="SOME_KEY holds 6 bytes, and a key needs 16") as refused:
        hash_key("SOME_KEY")
    assert "s3cret" not in str(refused.value)


def test_the_command_in_the_message_makes_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(UserError) as refused:
        hash_key("SOME_KEY")
    program = re.search(r'python -c "([^"]+)"', str(refused.value))
    assert program is not None
    made = subprocess.run([sys.executable, "-c", program[1]], capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.setenv("SOME_KEY", made)
    assert hash_key("SOME_KEY") == made.encode()
