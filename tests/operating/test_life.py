"""When a service that ended is started again."""

from __future__ import annotations

from tasks.operating.life import Life, become_ready, begun, ended, may_start


def deaths_in_a_row(count: int) -> list[float]:
    """The pauses after each end of a service that dies a second after each start."""
    now, life, pauses = 1000.0, Life(since=1000.0), []
    for _ in range(count):
        life = ended(begun(life, now), now + 1)
        pauses.append(life.pause)
        now = life.resting_until
    return pauses


def test_pauses_double_up_to_a_minute() -> None:
    assert deaths_in_a_row(9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_minute_of_running_makes_good_for_all_deaths_before() -> None:
    life = Life(since=0.0)
    for start in (0.0, 10.0, 20.0):
        life = ended(begun(life, start), start + 1)
    assert life.pause == 4
    assert ended(begun(life, 100.0), 159.9).pause == 8
    assert ended(begun(life, 100.0), 160.0).pause == 1


def test_it_rests_until_its_time_has_come() -> None:
    life = ended(begun(Life(since=0.0), 0.0), 5.0)
    assert not may_start(life, 5.9)
    assert may_start(life, 6.0)
    assert not may_start(begun(life, 6.0), 7.0)


def test_restarts_are_counted_and_the_first_start_is_none() -> None:
    life = begun(Life(since=0.0), 0.0)
    assert life.restarts == 0
    assert begun(ended(life, 1.0), 2.0).restarts == 1


def test_only_what_was_never_ready_is_hopeless() -> None:
    never = once = Life(since=0.0)
    once = become_ready(begun(once, 0.0), 1.0)
    for now in (1.0, 2.0):
        never, once = ended(begun(never, now), now), ended(begun(once, now), now)
        assert not never.is_hopeless
    assert ended(begun(never, 3.0), 3.0).is_hopeless
    assert not ended(begun(once, 3.0), 3.0).is_hopeless
