from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.sources.formats.block_layout import BlockLayout, _is_odd_up_to

SIGNS = st.lists(st.sampled_from(b'a", \n\r'), max_size=70).map(bytes)


@given(SIGNS)
def test_signs_in_quotes_are_those_behind_an_odd_number_of_them(block: bytes) -> None:
    signs = np.frombuffer(block, dtype=np.uint8)
    counted = [block[: place + 1].count(b'"') % 2 == 1 for place in range(len(block))]
    assert _is_odd_up_to(signs, ord('"')).tolist() == counted


@given(SIGNS)
def test_a_line_that_begins_with_a_separator_or_a_blank_may_hold_nothing(block: bytes) -> None:
    layout = BlockLayout(separator=",", quoted=False, padded=False, block=block)
    begins = [line[:1] in (b",", b" ") for line in block.split(b"\n")]
    assert layout.may_hold_nothing == any(begins)
