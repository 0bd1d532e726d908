# ruff: noqa: RUF001
from __future__ import annotations

import io
import random
from pathlib import Path

import polars as pl
import pytest

from tasks.params.sources import TableSource
from tasks.sources import source
from tasks.sources.formats import legacy_encodings
from tasks.sources.formats.legacy_encodings import guess, sample_of
from tasks.sources.text import Documents, TextSource
from tests.small_tables import place

WORDS = {
    "Russian": "Иванов Петрова Сергей Анна Москва Санкт-Петербург Новосибирск Казань Ольга Наталья оплачено отменено",
    "Ukrainian": "Київ Львів Одеса Харків Олександр Шевченко Юлія Дніпро Запоріжжя доставлено Ковальчук Євген Їжак",
    "Polish": "Łódź Kraków Gdańsk Wrocław Poznań Świnoujście Małgorzata Paweł Wiśniewski Żaneta Zając źle średnio",
    "Czech": "Plzeň Brno České Budějovice Jiří Tomáš Dvořák Novotný Černý Zdeněk Ústí Děčín špatně Růžena Kroměříž",
    "Hungarian": "Győr Pécs Székesfehérvár László Erzsébet Kővári Szabó Tóth törölve közepes Üllő Ödön Fűzfő Gödöllő",
    "Romanian": "Iaşi Timişoara Braşov Constanţa Ştefan Ionuţ Bucureşti plătit Mureş Galaţi Ploieşti Răzvan Mihăilescu",
    "German": "Köln München Düsseldorf Würzburg Müller Schröder Jäger Straße bezahlt Lübeck Österreich Größe Weiß",
    "French": "Orléans Besançon Nîmes Béziers François Hélène René Zoé payé annulé Étienne Chloé très Noël Benoît",
    "Spanish": "Málaga Córdoba Cádiz León José Núñez Peña Muñoz González Logroño Ángel Íñigo ¿bien? ¡mal! Avilés Jerez",
    "Portuguese": "São Paulo Brasília Goiânia Ribeirão João Conceição Antônio Gonçalves devolução Maringá Belém Inês",
    "Swedish": "Göteborg Malmö Västerås Örebro Linköping Åsa Björn Sjöberg Håkansson Umeå Gävle Växjö Åke betald",
    "Danish": "København Århus Ålborg Sørensen Jørgen Kjær Helsingør Næstved Køge Tønder Åse Ærø Brønshøj betalt",
    "Italian": "Forlì Cefalù Niccolò città qualità pagato Mondovì Cantù perché più Milano Nardò Canicattì Patti Roma",
    "Icelandic": "Reykjavík Þór Guðrún Sigurðsson Ísafjörður Þórdís Björk greitt Egilsstaðir Kópavogur Ólafsvík Ævar",
    "Greek": "Αθήνα Θεσσαλονίκη Πάτρα Ηράκλειο Γιώργος Μαρία Παπαδόπουλος Λάρισα Βόλος καλό κακό Δημήτρης Ελένη Χανιά",
    "Turkish": "İstanbul Eskişehir Diyarbakır Şanlıurfa Ağrı Muğla Ayşe Çağrı Gülşen Yılmaz Öztürk Beşiktaş Kadıköy",
    "Lithuanian": "Šiauliai Panevėžys Vilnius Klaipėda Žemaitė Mažeikiai apmokėta atšaukta Ąžuolas Giedrė Kėdainiai",
    "Hebrew": "ירושלים חיפה תל אביב באר שבע שולם בוטל דוד משה רחל אשדוד נתניה",
    "Arabic": "القاهرة الرياض محمد فاطمة دبي بغداد مدفوع ملغى عمان الدوحة تونس علي",
    "Japanese": "東京 大阪 名古屋 札幌 福岡 佐藤 鈴木 高橋 田中 渡辺 支払済 キャンセル 配送中 横浜 良い 悪い さくら",
    "Chinese": "北京 上海 广州 深圳 杭州 王伟 李娜 张强 刘洋 已付款 已取消 很好 很差 成都 武汉 南京 赵敏 陈静",
    "Taiwanese": "台北 高雄 台中 臺南 新竹 陳怡君 林志明 張雅婷 已付款 已取消 很好 很差 桃園 花蓮 黃俊傑",
    "Korean": "서울 부산 대구 인천 광주 김민수 이영희 박지훈 최수진 결제완료 취소 좋음 나쁨 대전 울산",
}
WESTERN = ("German", "French", "Spanish", "Portuguese", "Swedish", "Danish", "Italian", "Icelandic")
CASES = [
    ("Russian", "cp1251"),
    ("Russian", "koi8-r"),
    ("Russian", "cp866"),
    ("Ukrainian", "cp1251"),
    ("Polish", "cp1250"),
    ("Polish", "iso8859-2"),
    ("Czech", "cp1250"),
    ("Hungarian", "cp1250"),
    ("Romanian", "cp1250"),
    *((language, "cp1252") for language in WESTERN),
    ("German", "latin-1"),
    ("French", "latin-1"),
    ("Greek", "cp1253"),
    ("Greek", "iso8859-7"),
    ("Turkish", "cp1254"),
    ("Lithuanian", "cp1257"),
    ("Hebrew", "cp1255"),
    ("Arabic", "cp1256"),
    ("Japanese", "shift_jis"),
    ("Japanese", "euc_jp"),
    ("Chinese", "gb18030"),
    ("Taiwanese", "big5"),
    ("Korean", "euc_kr"),
]


def table(words: list[str], num_rows: int, seed: int = 0) -> str:
    """Names, cities and numbers, as a shop would export them."""
    dice = random.Random(seed)
    rows = (
        f"{row};{dice.choice(words)} {dice.choice(words)};{dice.choice(words)};{dice.randrange(10_000) / 100}\n"
        for row in range(num_rows)
    )
    return "id;name;city;amount\n" + "".join(rows)


def read(root: Path, content: bytes, **more: str) -> list[tuple[str, ...]]:
    (root / "data.csv").write_bytes(content)
    return pl.concat(source(TableSource(kind="table", path="data.csv", **more), place(root)).parts()).rows()


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_table_is_read_as_it_was_written(tmp_path: Path, language: str, encoding: str) -> None:
    for seed in range(3):
        text = table(WORDS[language].split(), 60, seed)
        assert read(tmp_path, text.encode(encoding)) == read(tmp_path, text.encode())


@pytest.mark.parametrize("num_rows", [1, 2, 5, 10, 40])
def test_western_tables_stay_windows_1252_however_small_and_mixed(num_rows: int) -> None:
    mixed = " ".join(WORDS[language] for language in WESTERN[:5]).split()
    for words in (mixed, *(WORDS[language].split() for language in WESTERN)):
        for seed in range(10):
            content = table(words, num_rows, seed).encode("cp1252")
            best = guess(sample_of(io.BytesIO(content)))
            assert best is not None
            assert best.encoding == "cp1252"


@pytest.mark.parametrize(
    "text", ["12 m³ und 5 m²", "€ 5 – 20 °C", "1º, nº 3, Mª José", "L’été “chaud”", "½ Fl.", "«Oui»"]
)
def test_signs_are_no_letters_of_another_encoding(text: str) -> None:
    best = guess(text.encode("cp1252"))
    assert best is not None
    assert (best.encoding, best.is_sure) == ("cp1252", True)


def test_signs_in_words_tell_polish_from_few_letters() -> None:
    best = guess("Michał\nPaweł\nRafał".encode("cp1250"))
    assert best is not None
    assert (best.encoding, best.is_sure) == ("cp1250", False)


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_short_table_is_right_or_in_doubt(language: str, encoding: str) -> None:
    for num_rows in (2, 4, 8):
        for seed in range(5):
            text = table(WORDS[language].split(), num_rows, seed)
            content = text.encode(encoding)
            best = guess(sample_of(io.BytesIO(content)))
            if best and not content.isascii():
                assert not best.is_sure or content.decode(best.encoding) == text


def test_a_doubt_shows_words_and_the_setting() -> None:
    best = guess("Москва\nКазань".encode("cp1251"))
    assert best is not None
    assert best.doubt == (
        "it is no UTF-8, and read as cp1251 as a guess from few or unclear letters, which makes words such as Москва, "
        "Казань; if these look wrong, give the right one as ingest.source.encoding."
    )
    sure = guess(table(WORDS["German"].split(), 20).encode("cp1252"))
    assert sure is not None
    assert sure.doubt is None


def test_a_short_file_is_read_as_the_first_one_is(tmp_path: Path) -> None:
    header = "id;name\n"
    names = WORDS["Polish"].split() * 3
    rows = "".join(f"{number};{name}\n" for number, name in enumerate(names))
    (tmp_path / "1.csv").write_bytes((header + rows).encode("cp1250"))
    (tmp_path / "2.csv").write_bytes(f"{header}99;Łódź\n".encode("cp1250"))
    rows_of_both = source(TableSource(kind="table", path="*.csv"), place(tmp_path))
    assert pl.concat(rows_of_both.parts())["name"].to_list() == [*names, "Łódź"]


def test_the_encoding_that_is_given_wins(tmp_path: Path) -> None:
    text = table(WORDS["Russian"].split(), 60)
    (tmp_path / "data.csv").write_bytes(text.encode("cp1251"))
    rows = source(TableSource(kind="table", path="data.csv", encoding="cp1252"), place(tmp_path))
    assert rows.doubts() == []
    assert "Ìîñêâà" in pl.concat(rows.parts())["city"].to_list()


def test_damaged_utf_8_is_no_other_script() -> None:
    def damaged(language: str) -> bytes:
        return table(WORDS[language].split(), 60).encode() + b"60;\xff;x;1\n"

    german = guess(sample_of(io.BytesIO(damaged("German"))))
    assert german is not None
    assert (german.encoding, german.is_sure) == ("cp1252", False)
    assert guess(sample_of(io.BytesIO(damaged("Russian")))) is None


def test_bytes_beyond_the_sample_that_do_not_fit_make_it_windows_1252(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacy_encodings, "MOST_SAMPLED", 1_000)
    # 0x98 is the one byte that is no letter of cp1251.
    content = table(WORDS["Russian"].split(), 60).encode("cp1251") + b"60;\x98;x;1\n"
    assert read(tmp_path, content)[-1] == ("60", "\u02dc", "x", "1")
    doubts = source(TableSource(kind="table", path="data.csv"), place(tmp_path)).doubts()
    assert "read as cp1252 as a guess" in doubts[0]


def test_the_sample_is_bounded_and_holds_only_what_is_beyond_ascii() -> None:
    lines = b"1;plain\n" * 300_000 + "2;é\n".encode("cp1252") * 100_000
    sample = sample_of(io.BytesIO(lines))
    assert len(sample) < 100_000
    assert set(sample.split(b"\n")) == {"2;é".encode("cp1252")}
    assert len(sample_of(io.BytesIO("Ж".encode("cp1251") * 3_000_000))) < 100_000
    assert sample_of(io.BytesIO("1;é\r2;b\r".encode("cp1252"))) == "1;é".encode("cp1252")


def test_documents_are_told_by_all_of_them_together(tmp_path: Path) -> None:
    for number, word in enumerate(WORDS["Russian"].split() * 3):
        (tmp_path / f"{number:02}.txt").write_bytes(word.encode("koi8-r"))
    (tmp_path / "utf8.txt").write_text("Öl")
    (tmp_path / "wide.txt").write_bytes("Öl".encode("utf-16"))
    rows = Documents(TextSource(kind="text", path=str(tmp_path), document="file", label="none"), place(tmp_path))
    texts = pl.concat(rows.parts())["text"].to_list()
    assert texts == [*WORDS["Russian"].split() * 3, "Öl", "Öl"]
    assert "read as koi8_r" in rows.doubts()[0]


def test_lines_are_told_by_their_file(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_bytes("\n".join(WORDS["Russian"].split() * 3).encode("koi8-r"))
    rows = Documents(TextSource(kind="text", path="lines.txt", document="line"), place(tmp_path))
    assert pl.concat(rows.parts())["text"].to_list() == WORDS["Russian"].split() * 3
    assert "read as koi8_r" in rows.doubts()[0]
