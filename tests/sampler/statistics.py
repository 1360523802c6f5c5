"""Whether counts are what probabilities say."""

from __future__ import annotations

import numpy as np


def fits(counts, probabilities) -> bool:
    """Whether counts lie within five standard deviations of chi-square, and what cannot come has not."""
    counts, expected = np.asarray(counts, float), np.asarray(probabilities, float)
    expected = expected / expected.sum() * counts.sum()
    possible = expected > 0
    assert expected[possible].min() > 5, "too few draws for the test"
    if counts[~possible].any():
        return False
    chi_square = ((counts[possible] - expected[possible]) ** 2 / expected[possible]).sum()
    freedom = possible.sum() - 1
    return bool(abs(chi_square - freedom) < 5 * np.sqrt(2 * freedom) + 5)
