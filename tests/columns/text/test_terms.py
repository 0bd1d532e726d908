from __future__ import annotations

from tasks.columns.text.terms import character_runs, chunks, terms


def test_terms_are_runs_of_words() -> None:
    assert terms("Please, cancel a IT", (1, 2)) == ["please", "cancel", "it", "please cancel", "cancel it"]


def test_runs_stay_within_what_blanks_part() -> None:
    assert character_runs("No! ab", (2, 3)) == [
        " n",
        "no",
        "o!",
        "! ",
        " no",
        "no!",
        "o! ",
        " a",
        "ab",
        "b ",
        " ab",
        "ab ",
    ]
    # One that is shorter than a run is one as a whole, once.
    assert character_runs("a", (4, 6)) == [" a "]
    assert character_runs(" \n", (1, 2)) == []


def test_chunks_know_where_they_stand() -> None:
    assert chunks(" so  good!") == [(1, 3, "so"), (5, 10, "good!")]
