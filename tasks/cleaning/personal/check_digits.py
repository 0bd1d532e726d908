"""Numbers of cards and bank accounts: python-stdnum checks the digits, the networks' first digits are kept here."""

from __future__ import annotations

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
"""First digits from, to, and lengths, as the networks publish them; python-stdnum has no such list."""

_SHORTEST_IBAN, _LONGEST_IBAN = 15, 34
"""Norway's, and what ISO 13616 allows at most."""


def compact(text: str) -> str:
    """Only letters and digits, the letters large: how a number is written does not matter to its check digit."""
    return "".join(sign for sign in text.upper() if sign.isascii() and sign.isalnum())


def is_card(text: str) -> bool:
    """Whether it is a payment card's number: 13 to 19 digits, a known issuer's first digits and length, Luhn's sum."""
    digits = compact(text)
    # Length and issuer first: of all numbers of 16 digits a tenth has the right sum by chance.
    if not (digits.isdigit() and _CARD_LENGTHS[0] <= len(digits) <= _CARD_LENGTHS[1]):
        return False
    known = any(
        low <= int(digits[: len(str(low))]) <= high and len(digits) in lengths for low, high, lengths in _CARD_PREFIXES
    )
    # Luhn's sum of equal digits can be right: those are what people type into a form that asks for a card.
    return known and len(set(digits)) > 1 and _has_luhn_sum(digits)


def _has_luhn_sum(digits: str) -> bool:
    from stdnum import luhn

    return luhn.is_valid(digits)


def is_iban(text: str) -> bool:
    """ISO 13616: the form that the country's entry in SWIFT's registry has, and ISO/IEC 7064 MOD 97-10.

    The national check digits within an account's number are left out: some banks give numbers that have none.
    """
    from stdnum import iban

    # `check_country` asks for national check digits.
    return iban.is_valid(compact(text), check_country=False)


def begins_with_iban(text: str) -> bool:
    """Whether an IBAN begins the text; what follows may be anything, since words in capitals look the same."""
    signs = compact(text)
    # The registry's form fixes each country's length, so that one length at most is valid.
    return any(is_iban(signs[:length]) for length in range(_SHORTEST_IBAN, min(len(signs), _LONGEST_IBAN) + 1))
