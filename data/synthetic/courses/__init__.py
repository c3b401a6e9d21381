"""Courses of disease: each writes its sentences, by kind, and fills the record."""

from __future__ import annotations

from collections.abc import Callable

from data.synthetic.abstracts.case import Case
from data.synthetic.abstracts.telling import Parts
from data.synthetic.courses.blood import leukemia, lymphoma
from data.synthetic.courses.breast import neoadjuvant
from data.synthetic.courses.chemoradiation import chemoradiation
from data.synthetic.courses.glioma import glioma
from data.synthetic.courses.metastatic import metastatic
from data.synthetic.courses.ovary import cytoreduction
from data.synthetic.courses.pancreas import locally_advanced, pancreas_metastatic
from data.synthetic.courses.prostate import crpc, prostate_metastatic, prostatectomy, radiotherapy, surveillance
from data.synthetic.courses.resected import adjuvant, surgery, thyroid
from data.synthetic.grammar import choose

COURSES: dict[str, Callable[[Case], Parts]] = {
    "metastatic": metastatic,
    "neoadjuvant": neoadjuvant,
    "adjuvant": adjuvant,
    "surgery": surgery,
    "locally advanced": locally_advanced,
    "cytoreduction": cytoreduction,
    "glioma": glioma,
    "chemoradiation": chemoradiation,
    "lymphoma": lymphoma,
    "leukemia": leukemia,
    "thyroid": thyroid,
    "crpc": crpc,
    "prostatectomy": prostatectomy,
    "radiotherapy": radiotherapy,
    "surveillance": surveillance,
    "prostate metastatic": prostate_metastatic,
    "pancreas metastatic": pancreas_metastatic,
}


def write_course(case: Case) -> Parts:
    """The sentences of one case, by a course that its tumour takes."""
    setting = choose(case.cancer.settings, case.rng)
    case.slots["setting"] = setting
    special = f"{case.cancer.key} {setting}"
    return COURSES[special if special in COURSES else setting](case)
