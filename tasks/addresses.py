"""Secrets in addresses: left out where an address is shown; in that of a source told by their names and their looks,
refused, and named by a variable instead.

What may look random and is none: digests and UUIDs name a content, a version or a data set, in paths and in queries.
So they pass, and with them what stands in a path, where links to documents have long random names; a key that looks
like a digest is told by its name alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import SplitResult, unquote, urlsplit

from tasks.errors import UserError

_WHOLE_NAMES = frozenset(["auth", "bearer", "code", "jwt", "otp", "pass", "pin", "pw", "sas", "session", "sid"])
"""Names that are a secret's only when they are the whole of it: a `country_code` is none."""
_ENDS_OF_NAMES = re.compile(
    r"(tokens?|password|passwd|passphrase|passcode|pwd|secrets?|signature|sig|hmac|(?<!mon|tur|don|hoc|joc)keys?"
    r"|credentials?|authorization|jwt|bearer|auth(code)?|sess(ion)?|sas|(^|auth|login|service)ticket)$"
)
_BEHIND_NAMES = re.compile(r"(value|val|string|str|text|hash|base64|b64|\d+)$")
"""What a program puts behind a name that is one already: `api_key_1`, `access_token_value`."""
_NO_SECRETS = re.compile(r"(sort|order|group|primary|foreign|partition)keys?$")
_KNOWN_LOOKS = re.compile(
    # A JSON web token; then keys by their marks: GitHub, GitLab, AWS, Google, Slack, OpenAI, Stripe, Hugging Face.
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}|(AKIA|ASIA)[A-Z0-9]{16}"
    r"|AIza[\w-]{30,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|[sr]k_live_\w{16,}|hf_[A-Za-z]{30,}"
    # As in the header of a request; the basic income and education are words.
    r"|^Bearer\s+\S+$|^Basic\s+\S(?=\S*[A-Z0-9=])\S{7,}$"
)
_RANDOM = re.compile(r"[\w+/=.~-]{20,}")
_FEWEST_DRAWN = {1: 2**63, 2: 24, 3: 16}
"""Letters and digits that are enough to tell, by how many kinds of them there are."""
_DIGEST = re.compile(r"([0-9a-f]+|[0-9A-F]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
# Links to documents of Google, Dropbox and others: the id is the document's name.
_ENDS_OF_IDS = ("id", "ids", "etag", "version", "revision", "rev", "checksum", "hash", "digest", "sha256", "md5")
_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TO_ITS_END = r"\S*?(?=['\")>\],.;:]*(?:\s|$))"
_IN_TEXT = re.compile(rf"[A-Za-z][\w+.-]*://{_TO_ITS_END}")
_BEHIND = re.compile(rf"[?#][^\s'\")>]{_TO_ITS_END}")
_PIECES = re.compile(r"([\w+.-]*://)?([^?#]*)(.*)", re.DOTALL)
_IS_PATH = re.compile(r"(sqlite|file):///")
"""Nobody logs in to a file, and its path may hold any sign."""


def is_secret_name(name: str) -> bool:
    """Whether a value of that name is nobody else's business: `X-Amz-Credential`, `accessToken`, `code`."""
    plain = _plain(name)
    return plain in _WHOLE_NAMES or plain.rstrip("0123456789") in _WHOLE_NAMES - {"code"} or _ends_as_secret(plain)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _ends_as_secret(plain: str) -> bool:
    while (shorter := _BEHIND_NAMES.sub("", plain)) != plain:
        plain = shorter
    # A ticket's id is a number in a list; a token's and a key's open a door.
    stem = plain if plain.endswith("ticketid") else plain.removesuffix("id")
    return any(_ENDS_OF_NAMES.search(name) and not _NO_SECRETS.search(name) for name in {plain, stem})


def looks_secret(value: str) -> bool:
    """Whether a value looks drawn at random, or like the keys of a well-known service; digests and UUIDs do not."""
    if _KNOWN_LOOKS.search(value):
        return True
    if not _RANDOM.fullmatch(value) or _DIGEST.fullmatch(value):
        return False
    # Words with a date have few changes between small letters, capitals and digits; drawn letters have many.
    kinds = ["0" if sign.isdigit() else "A" if sign.isupper() else "a" for sign in value if sign.isalnum()]
    changes = sum(before != after for before, after in pairwise(kinds))
    return "0" in kinds and len(kinds) >= _FEWEST_DRAWN[len(set(kinds))] and changes >= 0.3 * len(kinds)


def secret_in(address: SplitResult) -> str | None:
    """Where the address holds a secret, in words that do not show it; None when it does not."""
    # For other schemes, such as sftp and ftp, a user's name alone is no secret.
    user = address.username if address.scheme in ("http", "https") else None
    if user or address.password is not None or _is_cut_password(address):
        return "before the host"
    path = _decoded(address.path)
    if _KNOWN_LOOKS.search(path) or _nested_secret(path.partition("?")[2]):
        return "in its path"
    for name, value in _values(address):
        if _VARIABLE.fullmatch(value) or not value:
            continue
        shown = f"as `{name}`" if name and not looks_secret(name) else "behind its path"
        if is_secret_name(name) or (looks_secret(value) and not name.lower().endswith(_ENDS_OF_IDS)):
            return shown
        if _nested_secret(value):
            return f"in what it gives {shown}"
    return None


def _is_cut_password(address: SplitResult) -> bool:
    """Whether a / of a password ends what looks like the host: what stands before it is no port then."""
    return "@" in address.path and re.search(r":\d*$|^[^:]*$|\]$", address.netloc) is None


def _nested_secret(value: str) -> bool:
    """Whether there is one in an address or a query within the value, as proxies and redirects have them."""
    if re.match(r"([\w+.-]+:)?//", value):
        try:
            return secret_in(urlsplit(value)) is not None
        except ValueError:
            return "@" in value
    first, *others = re.split("[?&;#]", value)
    # A condition such as code='US' is no query: by itself, only what is surely a secret's name counts.
    name, text = _named(first)
    return bool(text and _ends_as_secret(_plain(name))) or any(
        text and is_secret_name(name) for name, text in map(_named, others)
    )


def with_variables(url: str) -> str:
    """The address with the values of the environment variables that its query names as {NAME}.

    Raises UserError when one is not set, or cannot stand in an address.
    """
    before, mark, query = url.partition("?")
    return before + mark + _VARIABLE.sub(lambda match: _value(match[1]), query)


def masked(text: str, url: str) -> str:
    """A message about the address without what stands for its variables, nor what a redirect put behind a path."""
    for name in _VARIABLE.findall(url.partition("?")[2]):
        # The longest first would matter only where one value holds another.
        if value := os.environ.get(name):
            text = text.replace(value, f"{{{name}}}")
    return without_secrets(text)


def shown_address(address: str) -> str:
    """The address as people may see it: without a user and a password, and without what stands behind its path."""
    if _IS_PATH.match(address):
        return address
    pieces = _PIECES.fullmatch(address)
    assert pieces  # each of them may be empty
    scheme, path, behind = pieces.groups(default="")
    # Either the password holds a question mark, or the query an @: nobody can tell what of it is the host.
    if "@" in behind:
        return f"{scheme}..."
    # The last one: a password that nobody wrote as %2F and %40 may hold both signs.
    return f"{scheme}{path.rpartition('@')[2]}"


def without_secrets(text: str, address: str = "") -> str:
    """A message with its addresses as people may see them; `address` is the one that it is about, whatever is in it."""
    # Also where it is no address, such as one with a blank in its password.
    text = text.replace(address, shown_address(address)) if address else text
    return _BEHIND.sub("", _IN_TEXT.sub(lambda match: shown_address(match[0]), text))


def _values(address: SplitResult) -> Iterator[tuple[str, str]]:
    """Names and values of the query and of the fragment, and of what older servers put behind a `;` in the path."""
    pieces = [*re.split("[&;]", address.query), *re.split("[&;?]", address.fragment), *address.path.split(";")[1:]]
    for piece in pieces:
        name, value = _named(piece)
        yield _decoded(name.replace("+", " ")), _decoded(value.replace("+", " "))


def _named(piece: str) -> tuple[str, str]:
    """Without a name it may be a value, such as a key alone."""
    name, _, value = piece.partition("=") if "=" in piece else ("", "", piece)
    return name, value


def _decoded(text: str) -> str:
    """As a proxy hands it on, and the one behind that."""
    for _ in range(4):
        text = unquote(text)
    return text


def _value(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    # As in an address that was copied: written as it is there, with % for what has a meaning of its own.
    if not re.fullmatch(r"[!-~]+", value):
        state = "holds what no address holds" if value else "is not set"
        raise UserError(
            f"ingest.source.url: the environment variable {variable} {state}; set it to the value, as it stands in "
            "the address"
        )
    return value
