"""Which encoding a text is in that is no UTF-8, by the evidence of its bytes beyond ASCII."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

WINDOWS_1252 = "cp1252"
"""What western Europe and America write, and what is taken as long as nothing speaks against it."""

MOST_SAMPLED, _MOST_READ, _CHUNK = 1 << 16, 1 << 28, 1 << 20
"""Bytes: of the lines that are looked at, of the text that is searched for them, and of a read."""

_EAST_ASIAN = ("cp932", "euc_jp", "gb18030", "big5", "cp949")
_OTHER_SCRIPTS = (
    *("cp1251", "koi8_r", "koi8_u", "cp866", "cp1253", "iso8859_7", "cp1255", "cp1256", "cp874"),
    *_EAST_ASIAN,
)
"""Cyrillic, Greek, Hebrew, Arabic, Thai; Japanese, Chinese, Korean. Among all that it knows, the library takes French
columns for Czech ones, and Polish ones for French."""

_LONG_RUN, _MOST_IN_LATIN, _LEAST_BYTES, _SURE_BYTES = 3, 0.3, 6, 200
"""In Latin script letters beyond ASCII stand alone or in twos; in others, words are made of nothing else."""

_WESTERN = {
    "French": "àâäæçéèêëîïôœùûüÿ",
    "German": "äöüßéàç",
    "Spanish, Catalan": "áéíóúüñçàèòï",
    "Portuguese": "áâãàçéêíóôõúü",
    "Nordic": "åäöéüæø",
    "Italian": "àèéìíîïòóùú",
    "Icelandic": "áæðéíóöþúý",
    "Dutch": "áéèëêíïóöúüç",
}
_CENTRAL = {
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Hungarian": "áéíóöőúüű",
    "Romanian": "ăâîşţ",
    "Croatian, Slovene": "čćđšž",
}
_ALPHABETS: dict[str, dict[str, str]] = {
    WINDOWS_1252: _WESTERN,
    "cp1250": _CENTRAL,
    "iso8859_2": _CENTRAL,
    "cp1254": {"Turkish": "çğıöşüâîûİ"},
    "cp1257": {"Lithuanian": "ąčęėįšųūž", "Latvian": "āčēģīķļņšūž"},
}
"""What each language writes beyond ASCII (Unicode CLDR, main letters), by the encoding in which it is written."""

_NO_LETTERS = "ªºµ"
"""Letters to Python, signs to their writers."""

_WORD = re.compile(r"\w*[^\W\x00-\x7f]\w*")
"""With a letter beyond ASCII, or a raised digit, at least."""

_SIGNS, _LETTER = "£¥¯³¹²¼½¾¶¦¬±ªº", r"[^\W\d_]"
_MISPLACED = re.compile(
    f"(?<={_LETTER}{{3}})[{_SIGNS}¿¡]|[{_SIGNS}](?={_LETTER}{{2}})|(?<={_LETTER})[¿¡](?={_LETTER})|[\x80-\x9f]"
)
"""Signs in the midst of a word, or at the end of one too long for a unit such as m³: letters of another encoding."""

_EXPLAINED, _AGAINST, _LEAST_WORDS, _SURE_LETTERS = 0.03, 0.1, 3, 20
"""Shares of letters: so few may be left unexplained, so many more by Windows-1252; in so many different words."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """An encoding, whether the evidence would do, and some words as they are read by it."""

    encoding: str
    is_sure: bool
    words: tuple[str, ...]

    @property
    def doubt(self) -> str | None:
        """A sentence for the user; None for what is surely Windows-1252, which needs no look."""
        if self.is_sure and self.encoding == WINDOWS_1252:
            return None
        degree = "by its letters" if self.is_sure else "as a guess from few or unclear letters"
        return (
            f"it is no UTF-8, and read as {self.encoding} {degree}, which makes words such as {', '.join(self.words)}; "
            "if these look wrong, give the right one as ingest.source.encoding."
        )


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """How well an encoding explains a text. `unexplained`: the letters that no language has, with their words."""

    encoding: str
    text: str
    num_letters: int
    unexplained: tuple[tuple[str, str], ...]

    @property
    def share(self) -> float:
        return len(self.unexplained) / max(1, self.num_letters)

    @property
    def has_signs_in_words(self) -> bool:
        return any(not _is_foreign(letter) for _, letter in self.unexplained)


def sample_of(content: BinaryIO) -> bytes:
    """The first lines with bytes beyond ASCII, a bounded number of them."""
    lines: list[bytes] = []
    size = 0
    for line in _foreign_lines(content):
        # A letter of several bytes that is cut would fit no encoding.
        lines.append(line if len(line) < MOST_SAMPLED else line[:MOST_SAMPLED].rstrip(bytes(range(0x80, 0x100))))
        size += len(line)
        if size >= MOST_SAMPLED:
            break
    return b"\n".join(lines)


def guess(sample: bytes) -> Guess | None:
    """The likeliest encoding of the lines; None when none is likely at all."""
    likeliest = _other_script(sample) or _latin(sample)
    if likeliest is None:
        return None
    encoding, is_sure = likeliest
    words = _WORD.findall(sample.decode(encoding, "ignore"))
    return Guess(encoding=encoding, is_sure=is_sure, words=tuple(dict.fromkeys(words))[:5])


def _foreign_lines(content: BinaryIO) -> Iterator[bytes]:
    pending, num_read = b"", 0
    while num_read < _MOST_READ and (chunk := content.read(_CHUNK)):
        num_read += len(chunk)
        *lines, pending = re.split(rb"[\r\n]", pending + chunk)
        yield from (line for line in lines if not line.isascii())
        # A file without line ends would be kept in memory as one line.
        if len(pending) > MOST_SAMPLED:
            yield from () if pending.isascii() else (pending,)
            pending = b""
    if not pending.isascii():
        yield pending


def _other_script(sample: bytes) -> tuple[str, bool] | None:
    """By charset-normalizer, where whole words are beyond ASCII."""
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", sample)]
    in_long_runs = sum(length for length in runs if length >= _LONG_RUN)
    # Latin script goes by alphabets: the library takes it for the wrong one (decision 0013).
    if in_long_runs < max(_LEAST_BYTES, _MOST_IN_LATIN * sum(runs)) or _is_damaged_utf_8(sample):
        return None
    from charset_normalizer import from_bytes

    # Not by what the text says of itself: a cell may speak of any encoding.
    best = from_bytes(
        sample, cp_isolation=list(_OTHER_SCRIPTS), preemptive_behaviour=False, enable_fallback=False
    ).best()
    if best is None:
        return None
    encoding = "cp932" if best.encoding in _EAST_ASIAN and _is_shift_jis(sample) else best.encoding
    return encoding, sum(runs) >= _SURE_BYTES


def _is_shift_jis(sample: bytes) -> bool:
    """Whether it decodes to full letters alone: what Chinese and Korean are written with are half-width kana to it."""
    try:
        text = sample.decode("cp932")
    except UnicodeDecodeError:
        return False
    return not re.search("[\uff61-\uff9f]", text)


def _is_damaged_utf_8(sample: bytes) -> bool:
    """Whether most of the lines are UTF-8: then a few broken ones are no sign of another script."""
    lines = sample.split(b"\n")
    # A file that was written by two programs is mostly one of them.
    return 2 * sum(is_utf_8(line) for line in lines) > len(lines)


def is_utf_8(line: bytes) -> bool:
    """Whether the bytes are whole letters of UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _latin(sample: bytes) -> tuple[str, bool] | None:
    """Windows-1252 unless it leaves letters unexplained that one language of another encoding explains, all of them."""
    western, *others = [_fit(sample, encoding) for encoding in _ALPHABETS]
    # One language has to explain the text as a whole: pieces of several explain anything.
    fits = [fit for fit in others if fit and fit.share <= _EXPLAINED]
    other = min(fits, key=lambda fit: len(fit.unexplained), default=None)
    if western is None:
        return (other.encoding, other.num_letters >= _SURE_LETTERS) if other and other.num_letters else None
    if other and _speaks_against(western, other):
        return other.encoding, other.num_letters >= _SURE_LETTERS
    return WINDOWS_1252, not (western.has_signs_in_words or _could_be(other, western) or _is_damaged_utf_8(sample))


def _speaks_against(western: _Fit, other: _Fit) -> bool:
    """Whether enough is unexplained: a few names from abroad, or the number of a footnote, are no evidence."""
    words = {word for word, _ in western.unexplained}
    letters = {letter for _, letter in western.unexplained}
    enough = len(words) >= _LEAST_WORDS and (len(letters) >= 2 or western.has_signs_in_words)
    return enough and western.share - other.share > _AGAINST


def _could_be(other: _Fit | None, western: _Fit) -> bool:
    """Whether the other reads something else, and explains it as well."""
    if other is None or not western.num_letters:
        return False
    return other.text != western.text and other.share <= western.share


def _is_foreign(letter: str) -> bool:
    return letter.isalpha() and not letter.isascii() and letter not in _NO_LETTERS


def _fit(sample: bytes, encoding: str) -> _Fit | None:
    """The fit of the language that explains most; None when the bytes are not of that encoding."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return None
    letters = [(word, letter) for word in _WORD.findall(text) for letter in word if _is_foreign(letter)]
    signs = [(text[max(0, match.start() - 8) : match.end()], match.group()) for match in _MISPLACED.finditer(text)]
    by_language = [
        [pair for pair in letters if pair[1] not in known]
        for known in ({*letters, *letters.upper()} for letters in _ALPHABETS[encoding].values())
    ]
    unexplained = min(by_language, key=len) + signs
    return _Fit(encoding=encoding, text=text, num_letters=len(letters) + len(signs), unexplained=tuple(unexplained))
