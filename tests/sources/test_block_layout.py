from __future__ import annotations

import csv
import io

import numpy as np
from hypothesis import example, given
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


@given(lines=st.lists(st.sampled_from(["a,b,c", "a,b", "a,b,c,d", '"a,b",c', '"a\n,",b,c', ",,"]), max_size=6))
@example(lines=["a,b,c,d", "a,b"])
def test_rows_of_another_width_are_found_wherever_they_stand(lines: list[str]) -> None:
    block = "".join(f"{line}\n" for line in lines).encode()
    rows = list(csv.reader(io.StringIO(block.decode(), newline="")))
    layout = BlockLayout(separator=",", quoted=True, padded=False, block=block)
    for width in (1, 2, 3):
        # A row of empty cells alone is no row.
        others = [place for place, row in enumerate(rows) if len(row) != width and any(row)]
        assert layout.first_of_other_width(width) == (others[0] if others else None)
