"""Secrets in addresses are told by their names and their looks; names of contents are none."""

from __future__ import annotations

import random
import string
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tasks.addresses import looks_secret, masked, secret_in, shown_address, with_variables, without_secrets
from tasks.errors import UserError

SECRETS = [
    "https://h/x?key=s3cret",
    "https://h/x?auth=s3cret",
    "https://h/x?code=s3cret",
    "https://h/x?pwd=s3cret",
    "https://h/x?pass=s3cret",
    "https://h/x?jwt=s3cret",
    "https://h/x?session=s3cret",
    "https://h/x?sas=s3cret",
    "https://h/x?tokens=s3cret",
    "https://h/x?authorization=s3cret",
    "https://h/x?X-Amz-Credential=s3cret",
    "https://h/x?AWSAccessKeyId=s3cret",
    "https://h/x#access_token=s3cret",
    "https://h/x#/?access_token=s3cret",
    "https://h/x?a=1;token=s3cret",
    "https://h/x?%74oken=s3cret",
    "https://h/x?accessToken=s3cret",
    "https://h/x?client_secret=s3cret",
    "https://h/x?apiKey=s3cret",
    "https://h/x?subscription-key=s3cret",
    "https://h/x;jsessionid=s3cret?x=1",
    "https://h/x?u=https%3A%2F%2Fy%2F%3Ftoken%3Ds3cret",
    "https://h/x?p=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    "https://h/x?p=ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "https://h/x?p=Zm9vYmFyQmF6UXV4MTIzNDU2Nzg5",
    "https://h/x?q8Zk3LmP0xTr7VbN2cYw5",
    "https://h/x?dl=1&p=q8Zk3LmP0xTr7VbN2cYw5",
    "https://h/x?rlkey=abcdef",
    "https://h/x?sv=2020-01-01&sp=r&sig=abc%3D",
    "https://h/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc/x.csv",
    "https://h/x?auth_token=a",
    "https://h/x?oauth=a",
    "https://h/x?sessionid=a",
    "https://h/x?PHPSESSID=a",
    "https://h/x?token[]=a",
    "https://h/x?passphrase=a",
    "https://h/x?refresh_tokens=a",
    "https://h/x#q8Zk3LmP0xTr7VbN2cYw5",
    "https://h/x?passcode=1234",
    "https://h/x?pwd2=s3cret",
    "https://h/x?api_key_1=s3cret",
    "https://h/x?apitoken1=s3cret",
    "https://h/x?access_token_value=s3cret",
    "https://h/x?token_id=s3cret",
    "https://h/x?ticket=ST-123",
    "https://h/x?hmac=s3cret",
    "https://h/x?x=Bearer%20s3cret",
    "https://h/x?x=Bearer+s3cret",
    "https://h/x?x=Basic%20bWU6czNjcmV0",
    "https://h/x?a=1%26token=s3cret",
    "https://h/x?a%3D1%26token%3Ds3cret",
    "https://h/x?a=token%3Ds3cret",
    "https://h/x?redirect=//h/%3Ftoken=s3cret",
    "https://h/x?redirect=%2Fx%3Ftoken%3Ds3cret",
    "https://h/x?redirect=https%253A%252F%252Fy%252F%253Ftoken%253Ds3cret",
    "https://h/x?redirect=https%3A%2F%2Fme%3As3cret%40y%2F",
    "https://h/x?%2574oken=s3cret",
    "https://h/x%3Ftoken=s3cret",
    "https://h/x?pass1=s3cret",
    "https://h/x?secretValue=s3cret",
    "https://me:s3cret@h/x",
    "https://me:s3cret/s3cret@h/x",
    "https://s3cret@h/x",
    "ftp://me:s3cret@h/x",
]

NO_SECRETS = [
    "https://h/x?country_code=US&zipcode=12345",
    "https://h/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/x.csv",
    "https://h/x?v=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "https://h/x?uuid=123e4567-e89b-12d3-a456-426614174000",
    "https://h/x?from=2024-01-01T00:00:00Z&to=2024-12-31T23:59:59Z",
    "https://docs.google.com/spreadsheets/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/export?format=csv&gid=0",
    "https://drive.google.com/uc?export=download&id=1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms",
    "https://h/x?keyword=shoes&author=smith&passenger=3",
    "https://h/x?columns=customer_id,order_date,amount_in_euros",
    "https://h/x?filename=Quarterly_Report_2024_Q3_final.csv",
    "https://h/x?etag=abcDEF123abcDEF123abcDEF",
    "https://h/x?query=SELECT+a+FROM+b",
    "https://h/x.csv?key={SHOP_KEY}",
    "https://h/x.csv?{SAS}",
    "https://h/x?key=",
    "https://h/x?versionId=3HL4kqtJvjVBH40Nrjfkd3HL4kqtJ",
    "https://h/x?where=Station%3D%27KJFK%27+AND+Year%3E2019",
    "https://h/x#row=5",
    "https://h/x?lat=52.5200066&lon=13.404954&appid=abc",
    "https://h/dataset/6f1bd0f4-3c1e-4b52-8a5b-0e4b1a2c3d4e/resource/x.csv",
    "https://h/x?design=1&monkeys=&session_type=a",
    "sftp://me@h/x.csv",
    "https://h/x?id=7&key_figures=1&keyword_1=a&author_id=7&passenger_id=7",
    "https://h/x?ticket_id=5&ticket_class=2&tickets=3",
    "https://h/x?token_count=5&token_type=a&max_tokens_per_row=3&password_protected=no",
    "https://h/x?monkey=1&turkeys=2&sort_key=date&primary_key=7&foreign_key_1=7",
    "https://h/x?hmac_algorithm=sha256&postcode1=1&zip_code_1=12345&code1=US&value=5&text=a&string_id=4",
    "https://h/x?q=bearer+bonds&title=Basic%20Education&subject=Basic+income",
    "https://h/x?where=code%3D%27US%27&filter=year%3D2019%26month%3D5",
    "https://h/x?next=//y/a%3Fpage=2&u=https%3A%2F%2Fy%2Fx.csv%3Fv%3D2",
    "https://cdn.jsdelivr.net/npm/vega-datasets@2.7.0/data/cars.csv",
    "http://127.0.0.1:8000/@me/x.csv",
    "http://[::1]/@me/x.csv",
    "https://h/orders/key=5/token=a/x.parquet",
    "https://h/x?q=50%25&name=100%2525&signal=1&assigned_id=4&android=1&thread_id=7",
    "https://h/x?email=me@h&session_type_id=2&secretary=a&keyboard=de&sas_format=1",
    "https://h/x?tokenizer=bpe&signed=1&description=abc",
    "https://h/x?indicator=NY.GDP.PCAP.CD&format=csv&mrv=10",
    "https://api.example.org/v1/Data_Set_2024_01_EN_v2.csv?version=2024_01_EN_v2_Rev3_A1b",
]


@pytest.mark.parametrize("url", SECRETS)
def test_a_secret_is_told_without_being_shown(url: str) -> None:
    place = secret_in(urlsplit(url))
    assert place
    assert "s3cret" not in place


@pytest.mark.parametrize("url", NO_SECRETS)
def test_names_of_documents_versions_and_columns_are_no_secrets(url: str) -> None:
    assert secret_in(urlsplit(url)) is None


def test_drawn_letters_look_secret_and_written_ones_do_not() -> None:
    generator = random.Random(0)
    base64 = string.ascii_letters + string.digits + "-_"
    drawn = ["".join(generator.choices(base64, k=32)) for _ in range(1_000)]
    assert sum(map(looks_secret, drawn)) > 980
    digests = [f"{generator.getrandbits(256):064x}" for _ in range(1_000)] + [str(UUID(int=n)) for n in range(1_000)]
    assert not any(map(looks_secret, digests))
    assert not any(map(looks_secret, ("customer_orders_2024_final_version_2", "2024-01-01T00:00:00+00:00", "a" * 40)))


def test_variables_stand_for_values_of_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3%3Dcret\n")
    monkeypatch.setenv("SAS", "sv=1&sig=s3cret")
    assert with_variables("https://h/{SHOP_KEY}?a=1&key={SHOP_KEY}") == "https://h/{SHOP_KEY}?a=1&key=s3%3Dcret"
    assert with_variables("https://h/x?{SAS}") == "https://h/x?sv=1&sig=s3cret"
    assert with_variables("https://h/x?filter=%7B%7D") == "https://h/x?filter=%7B%7D"


@pytest.mark.parametrize(("value", "state"), [(None, "is not set"), ("", "is not set"), ("a b", "holds what no")])
def test_a_variable_that_cannot_stand_in_an_address_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None, state: str
) -> None:
    monkeypatch.delenv("SHOP_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("SHOP_KEY", value)
    with pytest.raises(UserError, match=rf"^ingest\.source\.url: the environment variable SHOP_KEY {state}"):
        with_variables("https://h/x?key={SHOP_KEY}")


def test_messages_lose_what_nobody_is_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    message = "No adapters for 'ftp://me:pw@h/x?sig=other', and s3cret is bad"
    assert masked(message, "https://h/x?key={SHOP_KEY}") == "No adapters for 'ftp://h/x', and {SHOP_KEY} is bad"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://127.0.0.1:5000/mlflow", "http://127.0.0.1:5000/mlflow"),
        ("http://me:s3cret@127.0.0.1:1/api", "http://127.0.0.1:1/api"),
        ("http://me:s3c/s3cret@127.0.0.1:1/api", "http://127.0.0.1:1/api"),
        ("http://me:s3c@s3cret@127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://me:s3 s3cret@127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://me:s3?s3cret@127.0.0.1:1", "http://..."),
        ("http://me:s3#s3cret@127.0.0.1:1", "http://..."),
        ("http://h/api?token=s3cret@s3cret", "http://..."),
        ("http://h/api?token=s3cret", "http://h/api"),
        ("http://h/api#access_token=s3cret", "http://h/api"),
        ("postgresql+psycopg://h/db?user=me&password=s3cret", "postgresql+psycopg://h/db"),
        ("me:s3cret@127.0.0.1:1/api", "127.0.0.1:1/api"),
        ("http://[::1", "http://[::1"),
        ("sqlite:////home/me@work/shop#1/mlflow/mlflow.db", "sqlite:////home/me@work/shop#1/mlflow/mlflow.db"),
    ],
)
def test_an_address_is_shown_without_what_nobody_is_to_see(address: str, shown: str) -> None:
    assert shown_address(address) == shown
    message = f"'{address}' and (at {address}/x), {address}: is down?"
    assert "s3cret" not in without_secrets(message, address)
    # A text shows where an address begins and ends by its :// and by blanks.
    assert "s3cret" not in without_secrets(message) or "://" not in address or " " in address


def test_a_message_without_addresses_stays_as_it_is() -> None:
    for message in ("is it 'a?', or (b?)", "me@host: no", "", "https://h/x.csv: there is no such file"):
        assert without_secrets(message) == message
    retrying = "Retrying after NewConnectionError(\"h: refused\")': /api?token=s3c'ret/2.0 (once)"
    assert without_secrets(retrying) == 'Retrying after NewConnectionError("h: refused")\': /api (once)'
