from __future__ import annotations

import numpy as np
import pytest

from tasks.holm import holm


def test_holm_is_rs_p_adjust() -> None:
    """p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm"), as R 4.2 prints it; what was not tested counts for none."""
    assert holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005])) == pytest.approx(
        [0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True
    )
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


def test_the_level_is_shared_by_all_and_by_those_that_are_left_once_the_least_has_passed() -> None:
    assert (holm([0.01, 0.04, 0.03, 0.005]) <= 0.05).tolist() == [True, False, False, True]
    assert (holm([0.02, 0.03]) <= 0.05).tolist() == [True, True]
