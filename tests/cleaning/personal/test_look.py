from __future__ import annotations

import functools
import random
import uuid
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cleaning.personal.look import SAMPLE, PersonalColumn, look, merge, personal_columns
from tasks.cleaning.personal.words import kinds_by_name
from tasks.tables.dataset import Column
from tests.shared_data import shared
from tests.small_tables import cut

NAMES = ["Ann Baker", "Daniel Osei", "María García", "Thomas Müller", "Priya Nair", "Mehmet Öz", "Julia Novák"]
EMAILS = [f"{first}.{n}@example.org" for n, first in enumerate(["ann", "bo", "cy", "di", "ed", "flo"])]
PHONES = [
    "+44 20 7946 0958",
    "(212) 555-0123",
    "+49 30 1234567",
    "415-555-2671",
    "+33 1 23 45 67 89",
    "+1-202-555-0143",
]
STREETS = ["12 Main Street", "7 Rue de Rivoli", "221b Baker St", "Hauptstraße 5", "Calle Mayor 12", "Lange Gasse 44"]
CARDS = [4111111111111111, 5555555555554444, 4012888888881881, 4222222222222220, 5105105105105100, 6011111111111117]
IBANS = ["GB82WEST12345698765432", "DE89 3704 0044 0532 0130 00", "NO9386011117947"]
TAX_IDS = ["86095742719", "47036892816", "65929970489", "57549285017", "25768131411"]
DNIS = ["12345678Z", "00000000T", "X1234567L", "87654321X", "11111111H"]

COLOURS = ["red", "blue", "light green", "dark red", "black", "white"]
CITIES = ["San Jose", "Paris", "Charlotte", "New York", "Santiago", "St. Louis", "Frankfurt am Main"]
COUNTRIES = ["United-States", "Outlying-US(Guam-USVI-etc)", "Georgia", "Trinadad&Tobago", "Jordan", "Chad"]
TITLES = ["Toy Story (1995)", "Annie Hall", "12 Angry Men", "Mary Poppins", "21 Jump Street", "Fight Club"]
CODES = ["M14860", "AB-123456-C", "L47181", "AB123456C", "0012345678", "12345678"]


def column_of(name: str, values: pl.Series) -> Column:
    kind = "number" if values.dtype.is_numeric() else "text" if values.n_unique() > 1_000 else "category"
    return Column(name=name, type=kind, role="feature")


def personal_in(rows: pl.DataFrame, parts: Sequence[pl.DataFrame] | None = None) -> list[PersonalColumn]:
    columns = [column_of(name, rows[name]) for name in rows.columns]
    return personal_columns(functools.reduce(merge, (look(part, columns) for part in parts or [rows])))


def personal(name: str, values: Sequence[object]) -> list[PersonalColumn]:
    return personal_in(pl.DataFrame({name: values}, strict=False))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("email", EMAILS),
        ("email", EMAILS[:1]),
        ("phone", PHONES),
        ("name", NAMES),
        ("name", ["Braund, Mr. Owen Harris", "Heikkinen, Miss. Laina", "Nasser, Mrs. Nicholas (Adele Achem)", *NAMES]),
        ("address", STREETS),
        ("card", CARDS),
        ("card", [str(card) for card in CARDS]),
        ("iban", IBANS),
        ("national_number", TAX_IDS),
        ("national_number", [int(number) for number in TAX_IDS]),
        ("national_number", DNIS),
        ("national_number", [f"{area}-45-6789" for area in range(123, 140)]),
    ],
)
def test_clear_values_need_no_name(kind: str, values: Sequence[object]) -> None:
    (only,) = personal("x7", [*values, None])
    assert (only.column, only.kind, only.contains) == ("x7", kind, False)
    assert only.share >= 0.8


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("phone", "phone", ["030 1234567", "0171/1234567", "5551234"]),
        ("PhoneNumber", "phone", [2125550123, 2125550124]),
        ("home_tel", "phone", ["020 7946 0958"]),
        ("first_name", "name", ["Oyelaran", "Xiuying"]),
        ("lastName", "name", ["O'Neil", "van der Berg"]),
        ("patient name", "name", ["Xiuying Zhou", "Oyelaran Ade"]),
        ("Name", "name", NAMES),
        ("street_address", "address", ["5 Elm", "Elm 5"]),
        ("Straße", "address", ["Am Ufer 3", "Weg 4a"]),
        ("ssn", "national_number", [123456789, 78051120]),
        ("national_insurance_no", "national_number", ["AB123456C"]),
        ("CPF", "national_number", ["529.982.247-25"]),
        ("cpf", "national_number", [52998224725, 191]),
        ("tax_id", "national_number", TAX_IDS[:1]),
        ("card_number", "card", CARDS[:1]),
    ],
)
def test_a_name_makes_plain_values_enough(name: str, kind: str, values: Sequence[object]) -> None:
    assert [column.kind for column in personal(name, values)] == [kind]


@pytest.mark.parametrize("values", [["030 1234567", "0171/1234567"], [2125550123, 2125550124], ["5 Elm", "Elm 5"]])
def test_plain_values_without_a_name_are_nothing(values: Sequence[object]) -> None:
    assert not personal("x7", values * 4)


def harmless() -> dict[str, list[object]]:
    """Columns of 3,000 rows that are nobody's data."""
    dice = random.Random(5)
    size = 3_000
    number = functools.partial(dice.randrange)
    ean = [f"{number(10**12, 10**13)}" for _ in range(size)]
    return {
        "id": list(range(size)),
        "order_number": list(range(4_000_000_000_000_000, 4_000_000_000_000_000 + size)),
        "big_id": [number(10**10, 10**11) for _ in range(size)],
        "account_id": [number(10**11, 10**12) for _ in range(size)],
        "price": [number(100, 10**7) / 100 for _ in range(size)],
        "count": [number(5 * 10**9) for _ in range(size)],
        "year": [number(1900, 2030) for _ in range(size)],
        "timestamp": [number(900_000_000, 1_700_000_000) for _ in range(size)],
        "when": [f"20{number(10, 25)}-{number(10, 13)}-{number(10, 28)} 0{number(10)}:11:12" for _ in range(size)],
        "uuid": [str(uuid.UUID(int=dice.getrandbits(128))) for _ in range(size)],
        "md5": [f"{dice.getrandbits(128):032x}" for _ in range(size)],
        "ean": ean,
        "isbn": [f"978-{code[:1]}-{code[1:5]}-{code[5:9]}-{code[9]}" for code in ean],
        "sku": [f"{dice.choice('ABCD')}{dice.choice('ABCD')}{number(10**5, 10**6)}A" for _ in range(size)],
        "ip_address": [f"{number(256)}.{number(256)}.{number(256)}.{number(256)}" for _ in range(size)],
        "mac_address": [":".join(f"{number(256):02X}" for _ in range(6)) for _ in range(size)],
        "address_count": [number(9) for _ in range(size)],
        "latitude": [f"+{number(10, 90)}.{number(10**6, 10**7)}" for _ in range(size)],
        "phone_model": dice.choices(["iPhone 12", "Galaxy S21 5G", "Pixel 6"], k=size),
        "phone": dice.choices(["yes", "no"], k=size),
        "mobile_cost": [number(10**6, 10**8) for _ in range(size)],
        "email_opt_in": dice.choices(["yes", "no"], k=size),
        "card": dice.choices(["visa", "gold", "none"], k=size),
        "contact": dice.choices(["cellular", "telephone", "unknown"], k=size),
        "colour": dice.choices(COLOURS, k=size),
        "city": dice.choices(CITIES, k=size),
        "name": dice.choices(CITIES, k=size),
        "address": dice.choices(CITIES, k=size),
        "native-country": dice.choices(COUNTRIES, k=size),
        "title": dice.choices(TITLES, k=size),
        "product_name": dice.choices(TITLES + COLOURS, k=size),
        "company_name": dice.choices(["Siemens AG", "Acme Ltd", "Johnson & Johnson"], k=size),
        "workclass": dice.choices(["State-gov", "Self-emp-not-inc", "Private"], k=size),
        "code": dice.choices(CODES, k=size),
    }


def test_what_is_nobodys_is_not_found() -> None:
    assert personal_in(pl.DataFrame(harmless(), strict=False)) == []


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("width", range(6, 17))
def test_plain_whole_numbers_are_nobodys(width: int, as_text: bool) -> None:
    dice = random.Random(width)
    low = 10 ** (width - 1)
    drawn = [dice.randrange(low, 10 * low) for _ in range(3_000)]
    rows = pl.DataFrame({"drawn": drawn, "x7": range(3 * low, 3 * low + 3_000), "order_no": drawn[:5] * 600})
    rows = rows.cast(pl.String if as_text else pl.Float64)
    assert personal_in(rows) == []
    assert personal_in(rows.head(5)) == []


@pytest.mark.parametrize(
    "text", ["+44 20 7946 0958", "+49 30 1234567", "+33 1 23 45 67 89", "+86 138 0013 8000", "+91 98765 43210"]
)
def test_phones_with_a_countrys_code_are_those_of_its_plan(text: str) -> None:
    assert [column.kind for column in personal("phone", [text])] == ["phone"]


@pytest.mark.parametrize("text", ["+1 123 456 7890", "+44 1 2345678", "+999 20 7946 0958", "+33 99 12 34"])
def test_phones_outside_of_a_countrys_plan_are_none(text: str) -> None:
    assert personal("phone", [text]) == []


def test_free_text_is_searched_for_what_it_contains() -> None:
    notes = [f"please ring room {n} again" for n in range(94)]
    notes += ["mail me at ann.b@example.org, thanks", "or Bob <bob@example.com> will do", "call +44 20 7946 0958 now"]
    notes += [
        "paid with 4111 1111 1111 1111 today",
        "to AT61 1904 3002 3457 3201 AS AGREED BY ALL",
        "4111 1111 1111 1112",
    ]
    in_it = {column.kind: column for column in personal("note", notes)}
    assert {kind: (column.share, column.contains) for kind, column in in_it.items()} == {
        "email": (0.02, True),
        "phone": (0.01, True),
        "card": (0.01, True),
        "iban": (0.01, True),
    }
    assert in_it["phone"].examples == ("+00 00 0000 0000",)
    assert in_it["email"].examples == ("xxx.x@xxxxxxx.xxx", "xxx@xxxxxxx.xxx")


def test_some_emails_among_other_things_are_told() -> None:
    (only,) = personal("contact", [*EMAILS[:2], "none", "post", "fax", "letter", "nobody", "unknown"])
    assert (only.kind, only.contains, only.share) == ("email", True, 0.25)


def test_no_value_stands_in_what_is_reported() -> None:
    rows = {
        "a": EMAILS,
        "b": NAMES[:6],
        "c": PHONES,
        "d": STREETS,
        "e": CARDS,
        "phone": [2125550123 + n for n in range(6)],
    }
    columns = personal_in(pl.DataFrame(rows))
    assert len(columns) == len(rows)
    shown = [example for column in columns for example in column.examples]
    assert all(shown)
    assert not any(sign.isalnum() and sign not in "x0" for text in shown for sign in text)


def test_one_number_that_is_not_whole_makes_a_column_none() -> None:
    assert personal("card", [float(card) for card in CARDS])
    assert personal("card", [*map(float, CARDS), 0.5]) == []


def test_missing_blank_and_no_values_say_nothing() -> None:
    assert personal_in(pl.DataFrame({"email": [None, "", "  "], "phone": [None, None, None]}, strict=False)) == []
    assert personal_in(pl.DataFrame(schema={"email": pl.String, "card": pl.Float64})) == []


def test_other_types_are_not_looked_at() -> None:
    rows = pl.DataFrame({"phone": [b"+44 20 7946 0958"]})
    assert look(rows, [Column(name="phone", type="image", role="feature")]) == ()


def test_of_many_values_some_are_looked_at_and_shares_are_about_right() -> None:
    size = 20_000
    mails = pl.DataFrame({"who": [f"p{n}@example.org" if n % 5 else f"p{n}" for n in range(size)]})
    (sample,) = look(mails, [Column(name="who", type="text", role="feature")])
    assert sample.values.height == SAMPLE
    (only,) = personal_in(mails)
    assert abs(only.share - 0.8) < 0.03


@given(st.permutations(range(40)), st.lists(st.integers(0, 4_000), max_size=4))
@settings(derandomize=True, deadline=None, max_examples=10)
def test_order_and_cut_of_the_rows_do_not_matter(order: list[int], places: list[int]) -> None:
    rows = pl.DataFrame(
        {
            "mail": [f"p{n % 3_100}@example.org" if n % 3 else f"p{n}" for n in range(4_000)],
            "cell": [2_125_550_000.0 + n % 2_500 for n in range(4_000)],
            "odd": [n / 2 if n == 77 else CARDS[n % 6] for n in range(4_000)],
            "note": [f"call me on +49 30 123{n:04d} or not" if n % 7 == 0 else f"room is {n}" for n in range(4_000)],
        },
        strict=False,
    )
    turned = pl.concat([rows[100 * place : 100 * (place + 1)] for place in order])
    columns = personal_in(rows)
    assert [(column.column, column.kind) for column in columns] == [
        ("mail", "email"),
        ("cell", "phone"),
        ("note", "phone"),
    ]
    assert personal_in(turned, cut(turned, places)) == columns


SIGNS = "019٣AKSZ\u212a\u017f +-.@()x,\n"
SAID = ["x7", "national id", "codice fiscale", "dni", "nir", "phone", "card", "iban", "address", "surname", "name"]


@given(st.lists(st.none() | st.text(SIGNS, max_size=20) | st.text(max_size=20), max_size=6), st.sampled_from(SAID))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_any_text_can_be_judged(values: list[str | None], name: str) -> None:
    columns = personal_in(pl.DataFrame({name: pl.Series(values, dtype=pl.String)}))
    assert all(0 < column.share <= 1 for column in columns)


@pytest.mark.parametrize("text", ["٢٣٤٥٦٧٨٩٠١٢٣", "RSSMRA85T10A562\u017f", "\u212aSSMRA85T10A562S"])
def test_signs_that_only_fold_to_ascii_are_in_no_number(text: str) -> None:
    assert personal("national id", [text]) == []


@pytest.mark.parametrize(
    "name",
    ["age", "workclass", "Product ID", "genres", "tag", "TWF", "city", "state", "phone_cost", "num_addresses_total"],
)
def test_most_names_speak_for_nothing(name: str) -> None:
    assert not kinds_by_name(name)


def read(path: Path, separator: str, *, header: bool) -> pl.DataFrame:
    options = {"separator": separator, "has_header": header, "infer_schema_length": None, "quote_char": None}
    return pl.read_csv(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    ("file", "separator", "header"),
    [
        ("adult/adult.data", ",", False),
        ("ai4i-2020/ai4i2020.csv", ",", True),
        ("bike-sharing/hour.csv", ",", True),
        ("california-housing/housing.csv", ",", True),
        ("credit-default/UCI_Credit_Card.csv", ",", True),
        ("german-credit/german.data", " ", False),
        ("movielens-small/links.csv", ",", True),
        ("movielens-small/ratings.csv", ",", True),
        ("steel-faults/SteelPlatesFaults_Clean.csv", ",", True),
    ],
)
def test_no_false_alarm_on_real_tables(file: str, separator: str, header: bool, as_text: bool) -> None:
    rows = read(shared(file), separator, header=header)
    assert personal_in(rows.cast(pl.String) if as_text else rows) == []


@pytest.mark.parametrize("file", ["movies.csv", "tags.csv"])
def test_films_are_not_people(file: str) -> None:
    assert personal_in(pl.read_csv(shared("movielens-small") / file)) == []


def test_text_messages_contain_phone_numbers() -> None:
    columns = personal_in(read(shared("sms-spam/SMSSpamCollection"), "\t", header=False))
    assert [(column.column, column.kind, column.contains) for column in columns] == [
        ("column_1", "email", True),
        ("column_1", "phone", True),
    ]
    assert columns[1].share == pytest.approx(0.07, abs=0.02)
