"""Check digits: what tells a number that was given out from one that only looks like it."""

from __future__ import annotations

_VERHOEFF_TURN = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_VERHOEFF_PLACE = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)

_CARD_LENGTHS = (13, 19)
_CARD_PREFIXES = (
    (4, 4, (13, 16, 19)),  # Visa
    (51, 55, (16,)),  # Mastercard
    (2221, 2720, (16,)),  # Mastercard, since 2017
    (34, 34, (15,)),  # American Express
    (37, 37, (15,)),
    (6011, 6011, (16, 19)),  # Discover
    (644, 659, (16, 19)),
    (300, 305, (14, 16, 19)),  # Diners Club
    (36, 36, (14, 16, 19)),
    (38, 39, (14, 16, 19)),
    (3528, 3589, (16, 17, 18, 19)),  # JCB
    (62, 62, (16, 17, 18, 19)),  # UnionPay
    (2200, 2204, (16, 17, 18, 19)),  # Mir
)
"""First digits from, to, and lengths, as the networks publish them."""

_IBAN_LENGTHS = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
    FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
    LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
    RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
    """
IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN_LENGTHS.split()}
"""Signs of an IBAN by country: the registry that SWIFT keeps for ISO 13616."""


def compact(text: str) -> str:
    """Only letters and digits, the letters large: how a number is written does not matter to its check digit."""
    return "".join(sign for sign in text.upper() if sign.isascii() and sign.isalnum())


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B (Luhn 1960): every second digit from the right doubled, the sum a multiple of ten."""
    total = sum(map(int, digits[-1::-2]))
    return (total + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])) % 10 == 0


def is_card(text: str) -> bool:
    """Whether it is a payment card's number: 13 to 19 digits, a known issuer's first digits and length, Luhn's sum."""
    digits = compact(text)
    if not (digits.isdigit() and _CARD_LENGTHS[0] <= len(digits) <= _CARD_LENGTHS[1]):
        return False
    known = any(
        low <= int(digits[: len(str(low))]) <= high and len(digits) in lengths for low, high, lengths in _CARD_PREFIXES
    )
    return known and len(set(digits)) > 1 and luhn(digits)


def is_iban(text: str) -> bool:
    """ISO 13616: the country's length, and ISO/IEC 7064 MOD 97-10 over the signs with the first four moved last."""
    signs = compact(text)
    if len(signs) != IBAN_LENGTHS.get(signs[:2]) or not signs[2:4].isdigit():
        return False
    return int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1


def verhoeff(digits: str) -> bool:
    """Verhoeff (1969), "Error Detecting Decimal Codes": multiplication in the dihedral group of ten elements."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_TURN[check][int(_VERHOEFF_PLACE[place % 8][int(digit)])])
    return check == 0


def iso_7064_mod_11_10(digits: str) -> bool:
    """ISO/IEC 7064 MOD 11,10: the hybrid system with one check digit, the last."""
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])
