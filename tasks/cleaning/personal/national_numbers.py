"""National numbers of persons: which schemes are looked for, how each is written, and who checks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from tasks.cleaning.personal.check_digits import compact

_UNUSED_NINO = frozenset(["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"])


@dataclass(frozen=True, kw_only=True)
class NationalNumber:
    """One country's scheme. Both patterns are regular expressions over a whole value, without regard to case.

    `pattern` is asked where the column's name speaks of such a number, `alone` where nothing does; without `alone` the
    scheme needs the name. `digits` is the length to which zeros are put before a number that lost them.
    """

    name: str
    pattern: str
    is_valid: Callable[[str], bool]
    alone: str | None = None
    digits: int | None = None


def is_ssn(text: str) -> bool:
    """US social security number: no check digit; area 000, 666 and 900 to 999, group 00 and serial 0000 are not given.

    Social Security Administration, POMS RM 10201.035. python-stdnum refuses some that advertisements made public
    (078-05-1120) as well: in a table they are personal data that somebody entered, so the rule stands here.
    """
    digits = compact(text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_nino(text: str) -> bool:
    """UK national insurance number: no check digit; prefixes that are not given. HM Revenue & Customs, NIM39110.

    python-stdnum does not have it.
    """
    return compact(text)[:2] not in _UNUSED_NINO


def is_valid(text: str, modules: tuple[str, ...]) -> bool:
    """Whether one of these modules of python-stdnum takes the number; they are imported when they are first asked."""
    number = compact(text)
    # Equal digits fit many a check sum (CPF's, for one), and are what people type in order to give no number.
    if len(set(number)) < 2:
        return False
    # As it is written first: a Finnish number's sign in the middle tells the century. Then without signs between.
    checks = [import_module(f"stdnum.{module}").is_valid for module in modules]
    return any(check(form) for check in checks for form in (text, number))


def _plain(name: str, modules: str, pattern: str, *, digits: int | None = None) -> NationalNumber:
    """Found by its values alone: check digits and birth date, or letters, that other numbers hardly ever have."""
    return _named(name, modules, pattern, alone=pattern, digits=digits)


def _named(
    name: str, modules: str, pattern: str, *, alone: str | None = None, digits: int | None = None
) -> NationalNumber:
    """Found by the column's name and, where `alone` is given, by that form."""
    valid = partial(is_valid, modules=tuple(modules.split()))
    return NationalNumber(name=name, pattern=pattern, is_valid=valid, alone=alone, digits=digits)


_NINO = r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"

SCHEMES = (
    NationalNumber(
        name="us_ssn", pattern=r"\d{3}([- ]?)\d{2}[- ]?\d{4}", is_valid=is_ssn, alone=r"\d{3}-\d{2}-\d{4}", digits=9
    ),
    NationalNumber(
        name="uk_nino",
        pattern=rf"{_NINO} ?\d{{2}} ?\d{{2}} ?\d{{2}} ?[A-D]",
        is_valid=is_nino,
        alone=rf"{_NINO} \d{{2}} \d{{2}} \d{{2}} [A-D]",
    ),
    _plain("es_dni", "es.dni es.nie", r"(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]"),
    _plain("fr_nir", "fr.nir", r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}"),
    _plain("de_idnr", "de.idnr", r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}"),
    _plain(
        "it_codice_fiscale",
        "it.codicefiscale",
        r"[A-Z]{6}[\dL-NP-V]{2}[A-EHLMPRST][\dL-NP-V]{2}[A-Z][\dL-NP-V]{3}[A-Z]",
    ),
    _plain("in_aadhaar", "in_.aadhaar", r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}"),
    _plain("br_cpf", "br.cpf", r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", digits=11),
    # What follows has a birth date and a check digit, two check digits, or a check letter.
    _plain("cn_ric", "cn.ric", r"\d{17}[\dX]"),
    _plain("ee_ik", "ee.ik", r"[1-8]\d{10}"),
    _plain("fi_hetu", "fi.hetu", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]"),
    _plain("ie_pps", "ie.pps", r"\d{7}[A-W][ABHWTX]?"),
    _plain("mx_curp", "mx.curp", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d"),
    _plain("no_fodselsnummer", "no.fodselsnummer", r"\d{6} ?\d{5}", digits=11),
    _plain("pl_pesel", "pl.pesel", r"\d{11}", digits=11),
    _plain("ro_cnp", "ro.cnp", r"[1-9]\d{12}"),
    _plain("tr_tckimlik", "tr.tckimlik", r"[1-9]\d{10}"),
    _plain("za_idnr", "za.idnr", r"\d{6} ?\d{4} ?\d{3}", digits=13),
    # One check digit, and signs between the digits that order numbers do not have.
    _named(
        "be_nn", "be.nn", r"\d{2}[.]?\d{2}[.]?\d{2}-?\d{3}[.]?\d{2}", alone=r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", digits=11
    ),
    _named("ch_ssn", "ch.ssn", r"756[.]?\d{4}[.]?\d{4}[.]?\d{2}", alone=r"756\.\d{4}\.\d{4}\.\d{2}"),
    _named("cl_rut", "cl.rut", r"\d{1,2}[.]?\d{3}[.]?\d{3}-?[\dK]", alone=r"\d{1,2}\.\d{3}\.\d{3}-[\dK]"),
    _named("cz_rc", "cz.rc", r"\d{6}/?\d{3,4}", alone=r"\d{6}/\d{3,4}"),
    _named("is_kennitala", "is_.kennitala", r"\d{6}-?\d{4}", alone=r"\d{6}-\d{4}", digits=10),
    _named("kr_rrn", "kr.rrn", r"\d{6}-?\d{7}", alone=r"\d{6}-\d{7}", digits=13),
    _named("th_pin", "th.pin", r"\d-?\d{4}-?\d{5}-?\d{2}-?\d", alone=r"\d-\d{4}-\d{5}-\d{2}-\d"),
    # One check digit or none, in a form that other numbers have too: these need the column's name.
    _named("au_tfn", "au.tfn", r"\d{3} ?\d{3} ?\d{2,3}"),
    _named("bg_egn", "bg.egn", r"\d{10}", digits=10),
    _named("ca_sin", "ca.sin", r"\d{3}[- ]?\d{3}[- ]?\d{3}"),
    _named("dk_cpr", "dk.cpr", r"\d{6}-?\d{4}", digits=10),
    _named("ec_ci", "ec.ci", r"\d{9}-?\d", digits=10),
    _named("do_cedula", "do.cedula", r"\d{3}-?\d{7}-?\d", digits=11),
    _named("gb_nhs", "gb.nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}"),
    _named("gr_amka", "gr.amka", r"\d{11}", digits=11),
    _named("hr_oib", "hr.oib", r"\d{11}", digits=11),
    _named("il_idnr", "il.idnr", r"\d{8}-?\d", digits=9),
    _named("lt_asmens", "lt.asmens", r"[1-6]\d{10}"),
    _named("nl_bsn", "nl.bsn", r"\d{9}", digits=9),
    _named("pk_cnic", "pk.cnic", r"\d{5}-?\d{7}-?\d"),
    _named("ru_inn", "ru.inn", r"\d{12}", digits=12),
    _named("si_emso", "si.emso", r"\d{13}", digits=13),
    _named("ua_rntrc", "ua.rntrc", r"\d{10}", digits=10),
)
"""In the order in which they are asked: of several that take the same values, the first is told."""
