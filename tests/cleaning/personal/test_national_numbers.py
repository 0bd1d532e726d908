from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.cleaning.personal import national_numbers as national

VALID: list[tuple[Callable[[str], bool], list[str]]] = [
    (national.is_ssn, ["078-05-1120", "219099999", "899 01 0001"]),
    (national.is_nino, ["AB123456C", "JG 10 37 59 A"]),
    (national.is_dni, ["12345678Z", "X1234567L", "Y-2345678-Z", "00000000T"]),
    (national.is_nir, ["255081416802538", "2 55 08 14 168 025 38"]),
    (national.is_german_tax_id, ["86095742719", "47036892816", "65929970489"]),
    (national.is_codice_fiscale, ["RSSMRA85T10A562S", "MRTMTT91D08F205J"]),
    (national.is_aadhaar, ["999941057058", "9999 4105 7058"]),
    (national.is_cpf, ["529.982.247-25", "11144477735"]),
]
INVALID: list[tuple[Callable[[str], bool], list[str]]] = [
    (national.is_ssn, ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000"]),
    (national.is_nino, ["GB123456A", "ZZ123456D"]),
    (national.is_dni, ["12345678A", "X1234567M"]),
    (national.is_nir, ["255081416802539", "155081416802538"]),
    (national.is_german_tax_id, ["86095742718", "12345678903", "11111111111"]),
    (national.is_codice_fiscale, ["RSSMRA85T10A562T", "RSSMRA85T11A562S"]),
    (national.is_aadhaar, ["999941057059", "999941057508"]),
    (national.is_cpf, ["529.982.247-26", "111.111.111-11"]),
]


def pairs(table: list[tuple[Callable[[str], bool], list[str]]]) -> list[tuple[Callable[[str], bool], str]]:
    return [(check, text) for check, texts in table for text in texts]


@pytest.mark.parametrize(("check", "text"), pairs(VALID), ids=lambda value: getattr(value, "__name__", value))
def test_numbers_that_could_be_given(check: Callable[[str], bool], text: str) -> None:
    assert check(text)


@pytest.mark.parametrize(("check", "text"), pairs(INVALID), ids=lambda value: getattr(value, "__name__", value))
def test_numbers_that_are_never_given(check: Callable[[str], bool], text: str) -> None:
    assert not check(text)


def test_corsican_departments_count_as_numbers() -> None:
    for department, stands_for in (("2A", "19"), ("2B", "18")):
        key = 97 - int(f"18507{stands_for}012345") % 97
        assert national.is_nir(f"18507{department}012345{key:02d}")
        assert not national.is_nir(f"18507{department}012345{key % 97 + 1:02d}")
