"""National numbers of persons: whether a text is one, by the rules of the country that gives it out."""

from __future__ import annotations

from collections import Counter

from tasks.cleaning.personal.check_digits import compact, iso_7064_mod_11_10, verhoeff

_SPANISH_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_UNUSED_NINO = frozenset(["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"])
_ITALIAN_DIGITS = str.maketrans("LMNPQRSTUV", "0123456789")
_ITALIAN_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21] * 2 + [2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23],
        strict=True,
    )
)
_ITALIAN_DIGIT_PLACES = (6, 7, 9, 10, 12, 13, 14)


def is_ssn(text: str) -> bool:
    """US social security number: no check digit; area 000, 666 and 900 to 999, group 00 and serial 0000 are not given.

    Social Security Administration, POMS RM 10201.035.
    """
    digits = compact(text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_nino(text: str) -> bool:
    """UK national insurance number: no check digit; prefixes that are not given. HM Revenue & Customs, NIM39110."""
    return compact(text)[:2] not in _UNUSED_NINO


def is_dni(text: str) -> bool:
    """Spanish DNI and NIE: a letter for the remainder by 23; X, Y, Z are 0, 1, 2 (Ministerio del Interior)."""
    signs = compact(text)
    number = signs[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isdigit() and _SPANISH_LETTERS[int(number) % 23] == signs[-1]


def is_nir(text: str) -> bool:
    """French NIR: 13 signs and a key, 97 less their remainder by 97; Corsica's 2A and 2B count as 19 and 18. INSEE."""
    signs = compact(text)
    number = signs[:13].replace("2A", "19", 1) if signs[5:7] == "2A" else signs[:13]
    number = number.replace("2B", "18", 1) if signs[5:7] == "2B" else number
    return number.isdigit() and signs[13:].isdigit() and 97 - int(number) % 97 == int(signs[13:])


def is_german_tax_id(text: str) -> bool:
    """German Identifikationsnummer: of the first ten digits one stands twice or thrice, the others at most once.

    The last is ISO/IEC 7064 MOD 11,10. Bundeszentralamt für Steuern; § 139b Abgabenordnung.
    """
    digits = compact(text)
    repeats = sorted(Counter(digits[:10]).values())[-2:]
    return len(repeats) == 2 and repeats[0] == 1 and repeats[1] in (2, 3) and iso_7064_mod_11_10(digits)


def is_codice_fiscale(text: str) -> bool:
    """Italian codice fiscale: the last letter by odd and even places (Decreto ministeriale of 23 December 1976)."""
    signs = compact(text)
    digits = "".join(signs[place] for place in _ITALIAN_DIGIT_PLACES).translate(_ITALIAN_DIGITS)
    odd = sum(_ITALIAN_ODD[sign] for sign in signs[0:15:2])
    even = sum(int(sign) if sign.isdigit() else ord(sign) - ord("A") for sign in signs[1:15:2])
    return digits.isdigit() and chr((odd + even) % 26 + ord("A")) == signs[15]


def is_aadhaar(text: str) -> bool:
    """Indian Aadhaar: twelve digits, the last by Verhoeff's scheme. Unique Identification Authority of India."""
    return verhoeff(compact(text))


def is_cpf(text: str) -> bool:
    """Brazilian CPF: two check digits by weighted sums modulo 11; eleven equal digits are no CPF. Receita Federal."""
    digits = [int(sign) for sign in compact(text)]
    return len(set(digits)) > 1 and all(_cpf_digit(digits[:place]) == digits[place] for place in (9, 10))


def _cpf_digit(before: list[int]) -> int:
    weights = range(len(before) + 1, 1, -1)
    return sum(weight * digit for weight, digit in zip(weights, before, strict=True)) * 10 % 11 % 10
