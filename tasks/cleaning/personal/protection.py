"""Personal data made harmless: masked for people to read, or hashed with a key that no file holds."""

from __future__ import annotations

import hmac
import os

import polars as pl

from tasks.columns.category.column import CategoryColumn
from tasks.errors import UserError

MIN_KEY_BYTES = 16
"""128 bits. NIST SP 800-131A asks for 112 at least; RFC 2104 (Krawczyk, Bellare, Canetti 1997) advises as many as the
hash has, 32 bytes, which is what the command in the message makes."""

_CHECKED = b"modelwright: which key was used"
_CHECK_DIGITS = 8


def masked(values: pl.Series) -> pl.Series:
    """Every letter as x and every digit as 0; other signs stay, and so does what is missing.

    Marks that belong to a letter (accents that stand by themselves, vowel signs) go with it.
    """
    text = CategoryColumn().cast(values)
    return text.str.replace_all(r"\p{L}\p{M}*", "x").str.replace_all(r"\p{N}", "0")


def hashed(values: pl.Series, key: bytes) -> pl.Series:
    """HMAC-SHA256 (RFC 2104, FIPS 180-4) of each value's UTF-8 text, 64 hexadecimal digits; missing stays missing.

    Equal values have equal hashes, so rows of one person still belong together; without the key nobody can tell
    which value it was by trying all of them, as one can with a hash alone. Whole numbers are hashed without `.0`.
    """
    text = CategoryColumn().cast(values)
    distinct = text.drop_nulls().unique()
    digests = [hmac.digest(key, value.encode(), "sha256").hex() for value in distinct.to_list()]
    return text.replace_strict(distinct, pl.Series(digests, dtype=pl.String), return_dtype=pl.String)


def hash_key(variable: str) -> bytes:
    """The key in the environment variable of that name. Raises UserError when there is none or it is short."""
    key = os.environ.get(variable, "").encode()
    if len(key) >= MIN_KEY_BYTES:
        return key
    what = f"holds {len(key)} bytes, and a key needs {MIN_KEY_BYTES}" if key else "is not set"
    raise UserError(
        f"the environment variable {variable} {what}: it is the key of columns with `personal: hash`. Make one with "
        '`python -c "import secrets; print(secrets.token_hex(32))"`, keep it where you keep passwords (the same key '
        f"gives the same hashes), and set it: `export {variable}=...`"
    )


def key_check(key: bytes) -> str:
    """Eight hexadecimal digits by which two reports tell whether they used the same key; they do not give it away."""
    return hmac.digest(key, _CHECKED, "sha256").hex()[:_CHECK_DIGITS]
