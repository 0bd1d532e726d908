from __future__ import annotations

import pytest

from tasks.cleaning.personal.national_numbers import SCHEMES

IS_VALID = {scheme.name: scheme.is_valid for scheme in SCHEMES}

VALID = {
    "us_ssn": ["078-05-1120", "219099999", "899 01 0001"],
    "uk_nino": ["AB123456C", "JG 10 37 59 A"],
    "es_dni": ["12345678Z", "X1234567L", "Y-2345678-Z", "00000000T"],
    "fr_nir": ["255081416802538", "2 55 08 14 168 025 38"],
    "de_idnr": ["86095742719", "47036892816", "65929970489"],
    "it_codice_fiscale": ["RSSMRA85T10A562S", "MRTMTT91D08F205J"],
    "in_aadhaar": ["999941057058", "9999 4105 7058"],
    "br_cpf": ["529.982.247-25", "11144477735"],
    "pl_pesel": ["44051401359"],
    "tr_tckimlik": ["17291716060"],
    "nl_bsn": ["111222333"],
    "fi_hetu": ["131052-308T"],
    "ch_ssn": ["756.9217.0769.85"],
}
INVALID = {
    "us_ssn": ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000"],
    "uk_nino": ["GB123456A", "ZZ123456D"],
    "es_dni": ["12345678A", "X1234567M"],
    "fr_nir": ["255081416802539", "155081416802538"],
    "de_idnr": ["86095742718", "12345678903", "11111111111"],
    "it_codice_fiscale": ["RSSMRA85T10A562T", "RSSMRA85T11A562S"],
    "in_aadhaar": ["999941057059", "999941057508"],
    "br_cpf": ["529.982.247-26", "111.111.111-11"],
    "pl_pesel": ["44051401358"],
    "tr_tckimlik": ["17291716092"],
    "nl_bsn": ["111252333"],
    "fi_hetu": ["131052-308U"],
    "ch_ssn": ["756.9217.0769.84"],
}


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(scheme, text) for scheme, texts in table.items() for text in texts]


@pytest.mark.parametrize(("scheme", "text"), pairs(VALID))
def test_numbers_that_could_be_given(scheme: str, text: str) -> None:
    assert IS_VALID[scheme](text)


@pytest.mark.parametrize(("scheme", "text"), pairs(INVALID))
def test_numbers_that_are_never_given(scheme: str, text: str) -> None:
    assert not IS_VALID[scheme](text)


@pytest.mark.parametrize("scheme", sorted(IS_VALID.keys() - {"us_ssn", "uk_nino"}))
def test_every_scheme_has_its_module_and_takes_any_text(scheme: str) -> None:
    assert not any(map(IS_VALID[scheme], ["", "no number", "0", "123456789012345678901234567890"]))


def test_corsican_departments_count_as_numbers() -> None:
    for department, stands_for in (("2A", "19"), ("2B", "18")):
        key = 97 - int(f"18507{stands_for}012345") % 97
        assert IS_VALID["fr_nir"](f"18507{department}012345{key:02d}")
        assert not IS_VALID["fr_nir"](f"18507{department}012345{key % 97 + 1:02d}")
