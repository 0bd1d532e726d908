"""Count, mean, standard deviation and range of numbers, as states that merge: exact, so that any cut into parts and any
order of rows give the same bits.

Numbers are cut into slices of few binary digits, as Ozaki et al. (2012), "Error-free transformations of matrix
multiplication", Numerical Algorithms 59, do for dot products. Doubles hold sums of slices and of their products without
rounding; from there on Python's whole numbers add them up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from tasks.columns.base import round_significant

LEAST_WIDTH = 1e-300
"""What is narrower is one value: dividing by it would overflow."""

_CHUNK = 2**15
_SLICE_BITS = 19
"""Of numbers that share a chunk: 2^15 products of two slices, each of at most 2^19, add up to no more than 2^53."""

_DEPTH = 40
"""Numbers whose magnitudes differ by more binary digits than this are added up apart."""

_NUM_SLICES = math.ceil((_DEPTH + 53) / _SLICE_BITS)
"""As many as hold every digit of a double that is 2^_DEPTH times smaller than the largest one."""

_LEAST_EXPONENT = -1074
_UNIT_BITS = _NUM_SLICES * _SLICE_BITS - _LEAST_EXPONENT
_UNIT = 1 << _UNIT_BITS
"""Every finite double, and so every sum, is a whole number of 1/_UNIT; every square is one of 1/_UNIT²."""

_SCALED_FROM = 800
"""Numbers with exponents beyond this are scaled first: what `_slices` multiplies by and adds may be no double there."""

_GUARD = 128
"""Binary digits that the square root keeps beyond a double's."""


@dataclass(frozen=True)
class Moments:
    """What numbers add up to, exactly: `total` in 1/_UNIT, `squares` in 1/_UNIT², both of the finite ones alone."""

    count: int = 0
    total: int = 0
    squares: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            count=self.count + other.count,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
        )

    @property
    def sum(self) -> float:
        """The nearest double to the true sum; infinite as floating point has it."""
        return self._infinite() if self._is_infinite else _as_float(Fraction(self.total, _UNIT))

    @property
    def mean(self) -> float:
        """The nearest double to the true mean; NaN of no numbers."""
        if self._is_infinite or not self.count:
            return self._infinite()
        return _as_float(Fraction(self.total, _UNIT * self.count))

    @property
    def std(self) -> float:
        """Of these numbers as all there are (divided by n); NaN of none, or with infinite ones."""
        return self._root(self.count)

    @property
    def sample_std(self) -> float:
        """Of these numbers as a sample (divided by n - 1), as pandas has it; NaN of fewer than two."""
        return self._root(self.count - 1)

    @property
    def half_spread(self) -> float:
        """Half of the range, which unlike the range itself cannot overflow."""
        return self.maximum / 2 - self.minimum / 2

    @property
    def rounded_mean(self) -> float:
        """To 12 digits of the largest number, which is as many as are known of it."""
        magnitude = max(abs(self.minimum), abs(self.maximum))
        # So small a magnitude has no logarithm that `round` could take digits from.
        if magnitude < LEAST_WIDTH:
            return 0.0
        return round(self.mean, 11 - math.floor(math.log10(magnitude)))

    @property
    def center_and_std(self) -> tuple[float, float]:
        """Mean and standard deviation to 12 digits; of a single value that value itself, however many digits it has."""
        if self.half_spread > 0:
            return self.rounded_mean, round_significant(self.std)
        return self.minimum, 0.0

    @property
    def _is_infinite(self) -> bool:
        return self.count > 0 and math.inf in (self.maximum, -self.minimum)

    def _infinite(self) -> float:
        if not self.count or self.minimum == -self.maximum:
            return math.nan
        return self.maximum if self.maximum == math.inf else self.minimum

    def _root(self, divisor: int) -> float:
        if self._is_infinite or divisor < 1:
            return math.nan
        squared_differences = (self.squares * self.count - self.total**2) << 2 * _GUARD
        return _as_float(Fraction(math.isqrt(squared_differences // (self.count * divisor)), _UNIT << _GUARD))


def moments(values: NDArray[np.float64]) -> Moments:
    """The moments of one part's values [N], none of which is NaN."""
    if not len(values):
        return Moments()
    minimum, maximum = float(values.min()), float(values.max())
    # Nearly every part is finite, and a look at its extremes tells so without another pass.
    finite = values[np.isfinite(values)] if math.inf in (maximum, -minimum) else values
    sums = [_sums(finite[start : start + _CHUNK]) for start in range(0, len(finite), _CHUNK)]
    total, squares = sum(total for total, _ in sums), sum(squares for _, squares in sums)
    return Moments(len(values), total, squares, minimum, maximum)


def weighted_moments(values: NDArray[np.float64], counts: NDArray[np.int64]) -> Moments:
    """The moments of values [K] each of which was counted so many times [K], at least once."""
    total = squares = 0
    # A count is a sum of powers of two, and each of these multiplies exact sums exactly.
    for power in range(int(counts.max()).bit_length()):
        part = moments(values[(counts >> power) & 1 == 1])
        total, squares = total + (part.total << power), squares + (part.squares << power)
    return Moments(int(counts.sum()), total, squares, float(values.min()), float(values.max()))


def factor_and_offset(center: float, width: float) -> tuple[float, float]:
    """What makes (x - center) / width of x as x * factor + offset; without a width, x - center."""
    factor = 1 / width if width >= LEAST_WIDTH else 1.0
    # 0.0 - x, as -x would write a negative zero into the recipe.
    return factor, 0.0 - center * factor


def _sums(values: NDArray[np.float64]) -> tuple[int, int]:
    """The sum in 1/_UNIT and that of squares in 1/_UNIT², of at most _CHUNK finite numbers."""
    largest = max(-float(values.min()), float(values.max())) if len(values) else 0.0
    if not largest:
        return 0, 0
    _, exponent = math.frexp(largest)
    slices = _slices(values, exponent)
    if slices is None:
        large = np.abs(values) >= math.ldexp(1.0, exponent - _DEPTH)
        (total, squares), (small_total, small_squares) = _sums(values[large]), _sums(values[~large])
        return total + small_total, squares + small_squares
    shifts = [_UNIT_BITS + exponent - _SLICE_BITS * number for number in range(1, len(slices) + 1)]
    total = sum(int(digits.sum()) << shift for digits, shift in zip(slices, shifts, strict=True))
    return total, _squares(slices, shifts)


def _slices(values: NDArray[np.float64], exponent: int) -> list[NDArray[np.float64]] | None:
    """Whole numbers that make up values / 2^exponent, the first ones up to 2^19 and the others up to 2^18: those of
    slice k count 2^(-19 k), from k = 1 on. None where _NUM_SLICES do not hold all digits."""
    slices = []
    rest, exponent = _away_from_limits(values, exponent)
    for number in range(1, _NUM_SLICES + 1):
        # What is added to so large a number is rounded to the slice's last digit, and taking it away again is exact.
        shifter = 1.5 * 2.0 ** (52 - _SLICE_BITS * number + exponent)
        digits = rest + shifter
        digits -= shifter
        rest = rest - digits
        digits *= 2.0 ** (_SLICE_BITS * number - exponent)
        slices.append(digits)
        if not rest.any():
            return slices
    return None


def _away_from_limits(values: NDArray[np.float64], exponent: int) -> tuple[NDArray[np.float64], int]:
    """Values and exponent with which neither the powers of two nor the sums of `_slices` leave the range of doubles."""
    if exponent < -_SCALED_FROM:
        return values * 2.0**_SCALED_FROM, exponent + _SCALED_FROM
    if exponent > _SCALED_FROM:
        scaled = values * 2.0**-_SCALED_FROM
        # Numbers that are too small to be scaled down lie too deep for the slices: NaN stands for what they leave.
        return np.where(scaled * 2.0**_SCALED_FROM == values, scaled, np.nan), exponent - _SCALED_FROM
    return values, exponent


def _squares(slices: list[NDArray[np.float64]], shifts: list[int]) -> int:
    total = 0
    for number, digits in enumerate(slices):
        for other in range(number + 1):
            # einsum, as dot would start threads of its own, which takes longer than so short a sum.
            product = int(np.einsum("n,n->", digits, slices[other]))
            total += product * (1 if number == other else 2) << shifts[number] + shifts[other]
    return total


def _as_float(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
