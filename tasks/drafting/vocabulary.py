"""The words of column names, and what they hint at. English, as most column names are."""

from __future__ import annotations

_ID = "id ids uid uuid guid key pk idx index nr no number num ref reference code serial rowid"
_LABEL = "target label labels class classes y outcome response groundtruth"
_ASKED_FOR = """
    approved attrition cancelled canceled churn churned clicked converted default defect diagnosis exited failed failure
    fault fraud left purchased quality readmitted result risk sentiment spam species survival survived
    """
_MEASURED = """
    amount charges cnt consumption cost count demand duration income price rating revenue salary sales score strength
    total value yield
    """
_LATE = "date datetime day hour lat latitude lon longitude month time timestamp year"
_SENSITIVE = """
    age birth birthdate birthday caste citizen citizenship disability disabled dob ethnic ethnicity faith foreign
    foreigner gender genetic immigrant marital marriage married nationality native political pregnancy
    pregnant race racial religion religious sex sexual tribe veteran
    """
_ENTITY = """
    account applicant author borrower buyer client customer device driver employee family household member merchant
    owner participant patient person player respondent seller session speaker student subject subscriber user visitor
    writer
    """
_TIME = "at created date datetime day dt epoch moment time timestamp when"
_BIRTH = "birth birthdate birthday born dob"

ID_WORDS = frozenset(_ID.split())
LABEL_WORDS = frozenset(_LABEL.split())
ASKED_FOR = frozenset(_ASKED_FOR.split())
"""What people want to know of a row before it happens."""
MEASURED = frozenset(_MEASURED.split())
"""Amounts that are often predicted, and as often used to predict."""
LATE_WORDS = frozenset(_LATE.split())
"""When and where: hardly ever what is asked for."""
SENSITIVE_WORDS = frozenset(_SENSITIVE.split())
ENTITY_WORDS = frozenset(_ENTITY.split())
TIME_WORDS = frozenset(_TIME.split())
BIRTH_WORDS = frozenset(_BIRTH.split())

_NONE = """
    ? na n/a #n/a <na> null nan none nil - -- . .. * x missing unknown unk undefined n.a. nd n.d. #value! #ref! #div/0!
    """
NONE_AMONG_NUMBERS = frozenset(_NONE.split()) | {"", "not available", "not applicable", "no data"}
"""What stands for a missing value where all else is a number, in small letters."""
NONE_ANYWHERE = ("?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null", "NaN", "nan")
"""What hardly ever means anything else, among words too. `None` and `-` do: an answer, a range, a bill of nothing."""
