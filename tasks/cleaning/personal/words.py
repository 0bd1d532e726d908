"""The words by which a column's name says that it holds personal data, and given names by which its values do."""

from __future__ import annotations

import re
import unicodedata

from tasks.columns.words import words

_WORDS = {
    "email": "email emails mail mails emailaddress mailaddress correo courriel",
    "phone": """
        phone phones phonenumber phoneno telephone telephonenumber tel mobile mobilephone mobilenumber mobil cell
        cellphone cellular landline fax msisdn whatsapp telefon telefonnummer telefono telefone celular movil
        handynummer rufnummer
        """,
    "card": "card cards cardnumber cardno creditcard ccnumber cc pan tarjeta kreditkarte kartennummer",
    "iban": "iban account bankaccount konto kontonummer compte cuenta conto",
    "address": """
        address addresses addr addr1 addr2 address1 address2 street streets streetaddress homeaddress adresse anschrift
        strasse calle rue direccion domicilio indirizzo via endereco residence
        """,
    "own_name": """
        firstname lastname fullname surname forename middlename maidenname givenname familyname fname lname vorname
        nachname apellido apellidos prenom cognome sobrenome
        """,
    "us_ssn": "ssn socialsecurity socialsecuritynumber",
    "uk_nino": "nino",
    "es_dni": "dni nie nif",
    "fr_nir": "nir insee",
    "de_idnr": "idnr steuerid steueridnr",
    "it_codice_fiscale": "codicefiscale",
    "in_aadhaar": "aadhaar aadhar",
    "br_cpf": "cpf",
    "au_tfn": "tfn",
    "be_nn": "rijksregisternummer niss insz",
    "bg_egn": "egn",
    "ca_sin": "sin",
    "ch_ssn": "ahv avs ahvnummer",
    "cl_rut": "rut",
    "cz_rc": "rodnecislo",
    "dk_cpr": "cpr personnummer",
    "do_cedula": "cedula",
    "ec_ci": "cedula",
    "ee_ik": "isikukood",
    "fi_hetu": "hetu henkilotunnus",
    "gb_nhs": "nhs",
    "gr_amka": "amka",
    "hr_oib": "oib",
    "ie_pps": "pps ppsn",
    "il_idnr": "zehut",
    "is_kennitala": "kennitala",
    "kr_rrn": "rrn",
    "lt_asmens": "asmenskodas",
    "mx_curp": "curp",
    "nl_bsn": "bsn burgerservicenummer",
    "no_fodselsnummer": "fodselsnummer fødselsnummer",
    "pk_cnic": "cnic",
    "pl_pesel": "pesel",
    "ro_cnp": "cnp",
    "ru_inn": "inn",
    "si_emso": "emso jmbg",
    "tr_tckimlik": "tckimlik tckn kimlik",
    "ua_rntrc": "rnokpp",
}
_PAIRS = {
    "us_ssn": ("social", "security"),
    "uk_nino": ("national", "insurance"),
    "it_codice_fiscale": ("codice", "fiscale"),
    "national_number": ("national tax taxpayer identity citizen fiscal", "id identifier number no nr code"),
    "own_name": ("first last full given middle maiden family birth", "name names"),
}
"""One word of each."""
_NAME = "name names nombre nom"
_PERSON = """
    applicant author beneficiary borrower cardholder child doctor driver employee father guest mother nurse parent
    passenger patient person physician player resident spouse student teacher tenant victim visitor witness worker
    """
_PERSON_OR_FIRM = "client contact customer holder manager member owner recipient sender subscriber user"
_ABOUT = """
    age area calls charge charges code codes cost count country day days domain duration fee flag has id ids ip is lat
    length limit lon mac minutes model month opt os plan price provider quality rate score status time timestamp
    total type types url usage verified version visits volume wallet width year
    """
_TITLE = "mr mrs ms miss dr prof herr frau sr sra srta mme mlle signor signora"
_THING = """
    app bank book brand building business campaign category channel city class column company county course department
    device district domain event field file firm hospital host item job league movie organisation organization place
    product project province region restaurant school screen server shop site song species state station store table
    team title town venue
    """

_GIVEN = """
    aaron abdullah abigail adam adrian agnes ahmed aidan aisha alan albert alberto alejandro alessandro alexander
    alexandra alexis alfred alice alicia alina allison amanda amelia amina amit amy ana anastasia andrea andreas andrew
    angela anita anjali ann anna anne annette anthony antoine antonio anton arjun arthur ashley astrid barbara beatrice
    beatriz benjamin bernard bernd betty bianca birgit bjorn boris brandon brenda brian bruno camille carina carla
    carlos carmen carol caroline catherine cecilia charles charlotte chiara chloe christian christina christine
    christopher claire claudia clement cynthia daniel daniela danielle david deborah deepak denise dennis diana diane
    diego dieter dimitri dmitri dominik donald donna dorothy douglas edith eduardo edward elena elias elizabeth ellen
    emilia emily emma enrique eric erika ernst esther ethan eugene eva evelyn fatima felix fernando filip fiona florian
    frances francesca francesco francisco franz franziska frederic friedrich gabriel gabriela gary geoffrey george
    gerald gerhard giovanni giulia giuseppe gloria gregory greta guillaume gunther gustav hannah hans harold harry
    hassan heather heidi heike heinrich helen helena helga henri henry hermann hiroshi hugo ibrahim igor ines ingrid
    irene isaac isabel isabella ivan jack jacob jacqueline jacques jaime james jan jane janet jason javier jean jeffrey
    jennifer jens jeremy jerry jessica joan johan johann johannes john jonas jonathan jorge jose josef joseph joshua
    joyce juan juanita judith julia julian julie julien jurgen justin karen karin karl katarina katherine kathleen katja
    keith kelly kenneth kevin khalid klaus krishna kristen kristina lakshmi larry lars laura lauren laurent lena leon
    leonardo leonie li liam linda lisa logan louis louise lucas lucia luigi luis luisa lukas madison magdalena manuel
    marco marcus margaret maria mariam marie marina mario marion marta martha martin martina mary maryam matilda mateo
    matteo matthew matthias maximilian megan mehmet melanie melissa michael michel michelle miguel mikhail mohamed
    mohammad mohammed monica monika muhammad nadia nancy natalia natalie nathan neha nicholas nicole nikolai nina noah
    nora olga oliver olivia omar otto pablo pamela paolo patricia patrick paula pauline pedro peter petra philip
    philippe pierre pooja priya rachel rafael rahul raj rajesh ralf ramesh ramon raymond rebecca reinhard renate ricardo
    richard rita robert roberto roger roland ronald rosa roxanne rudolf ruth ryan sabine samantha samuel sandra sanjay
    sara sarah satoshi scott sebastian sergei sergio sharon shirley silvia simon simone sofia sonia sophia sophie stefan
    stefanie stephanie stephen steven sunita susan susanne suresh svetlana sven sylvia tamara tanja tatiana theodor
    theresa thomas tim timothy tobias ulrich ursula valentina valerie vanessa veronica victor victoria vijay vincent
    virginia vladimir walter wei werner wilhelm william wolfgang xavier yasmin yolanda yuki yusuf yvonne zainab zoe
    """

_BY_KIND = {kind: frozenset(listed.split()) for kind, listed in _WORDS.items()}
_BY_PAIR = {kind: tuple(frozenset(half.split()) for half in pair) for kind, pair in _PAIRS.items()}
_NAMES, _PERSONS, _ANYBODY, _ABOUTS, _THINGS, _TITLES = (
    frozenset(listed.split()) for listed in (_NAME, _PERSON, f"{_PERSON} {_PERSON_OR_FIRM}", _ABOUT, _THING, _TITLE)
)
_LOOSE = frozenset({"phone", "address", "own_name", "name"})
"""Kinds that need the name to say nothing else: the other ones have values that are telling by themselves."""

GIVEN_NAMES = frozenset(_GIVEN.split())
"""Frequent given names of several languages, without those that are words too (Grace, Mark, Will); no full list."""

_TITLES = frozenset(
    ["mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau", "sr", "sra", "srta", "mme", "mlle", "signor", "signora"]
)
_TOKENS = re.compile(r"[^\W\d_]+")
_PLACE = re.compile(r"\b(?:san|santa|santo|sao|st|saint|sainte|port|fort|lake|mount)\b\.? \w+")
"""Places that were named after people."""


def kinds_by_name(name: str) -> frozenset[str]:
    """What a column of that name may hold: kinds, national numbers by country, `own_name`, and `name` with less trust.

    `own_name` can only be a person's (surname, patient name); `name` may be that of anything. A name that speaks of
    something about the thing (phone model, address count) does not count.
    """
    tokens = frozenset(words(folded(name)))
    kinds = {kind for kind, listed in _BY_KIND.items() if listed & tokens}
    kinds |= {kind for kind, (first, second) in _BY_PAIR.items() if first & tokens and second & tokens}
    if tokens & _PERSONS and tokens & _NAMES:
        kinds.add("own_name")
    if tokens & (_ANYBODY | _NAMES):
        kinds.add("name")
    # `company_name` and `product_name` name no person.
    if tokens & _THINGS:
        kinds -= {"own_name", "name"}
    # `phone_model` and `address_count` speak of something about the thing.
    return frozenset(kinds - _LOOSE if tokens & _ABOUTS else kinds)


def names_a_person(text: str) -> bool:
    """Whether a title or a frequent given name is one of the words."""
    # San Jose and Port Elizabeth would pass for persons.
    left = _PLACE.sub("", folded(text).lower())
    return any(word in GIVEN_NAMES or word in _TITLES for word in _TOKENS.findall(left))


def folded(text: str) -> str:
    """Letters without accents, so that a list needs one spelling."""
    if text.isascii():
        return text
    # ß has no form without it, unlike letters with accents.
    apart = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(sign for sign in apart if not unicodedata.combining(sign))
