"""Notes that are not of the usual shape: long ones in paragraphs, and telegrams."""

from __future__ import annotations

import random
import re

from data.synthetic.abstracts.case import Case, capital
from data.synthetic.grammar import chance

SECTIONS: dict[str, tuple[str, ...]] = {
    "Past medical history": (
        "[Hypertension|Type 2 diabetes|Hyperlipidemia|Hypothyroidism|Atrial fibrillation|COPD|Gout|Asthma|Osteoarthritis|Depression] [since {year}|treated medically|well controlled|managed by the family physician]",
        "[Appendectomy|Cholecystectomy|Knee replacement|Hernia repair|Cataract surgery|Tonsillectomy] in {year}",
        "A colonic polyp removed in {year} was benign",
        "A breast cyst was aspirated in {year} with benign cytology",
        "History of [kidney stones|migraine|sleep apnea|reflux disease|deep vein thrombosis]",
        "No prior [malignancy|radiation exposure|transfusions]",
        "A benign [thyroid nodule|adrenal adenoma|liver cyst|lung granuloma] has been stable for years",
    ),
    "Family history": (
        "{relative} died of [breast cancer|colon cancer|pancreatic cancer|lung cancer|lymphoma|prostate cancer] at {age2}",
        "{relative} had [melanoma|ovarian cancer|leukemia|gastric cancer|a brain tumor] and is well after treatment",
        "No [known|other] family history of cancer",
        "{relative} with coronary disease",
        "Both parents lived into their eighties",
    ),
    "Social history": (
        "[Retired teacher|Works as an accountant|Former electrician|Farmer|Nurse by training|Works in retail|Retired driver|Software developer], lives with {relative}",
        "[Never smoked|Smoked {py} pack-years, stopped years ago|Smokes a few cigarettes a day]",
        "[Drinks wine on weekends|No alcohol|Occasional beer]",
        "Walks [daily|two miles a day|with a cane]",
        "Independent in all daily activities",
    ),
    "Medications": (
        "[Metformin 500 mg twice daily|Lisinopril 10 mg daily|Atorvastatin 20 mg at night|Amlodipine 5 mg daily|Levothyroxine 75 mcg daily|Apixaban 5 mg twice daily|Omeprazole 20 mg daily|Sertraline 50 mg daily|Tamsulosin at night]",
        "[Ondansetron|Paracetamol|Oxycodone|Loperamide|Lorazepam|Magnesium] as needed",
        "[Vitamin D|Folic acid|Iron tablets|Calcium] daily",
        "Allergies: [none known|penicillin, rash|sulfa, hives|contrast dye]",
    ),
    "Review of systems": (
        "[Denies|No] [fever, chills or night sweats|chest pain or palpitations|visual changes|urinary complaints|bleeding|rash]",
        "[Appetite is fair|Appetite has returned|Weight is stable|Lost two kilograms since the last visit|Sleep is good]",
        "[Mild fatigue|Some tingling in the fingertips|Occasional nausea|Dry mouth|Loose stools twice a day|Constipation] [is reported|persists|comes and goes]",
        "Energy [is improving|is about the same|varies from day to day]",
    ),
    "Examination": (
        "Blood pressure 1{day}/7{g12}, pulse 7{g12}, afebrile",
        "[Alert and oriented|Well appearing|Thin but comfortable|No acute distress]",
        "[Lungs clear|Breath sounds equal on both sides|Heart sounds regular without murmur|Abdomen soft and not tender|No peripheral edema|Skin without rash|No palpable cervical, axillary or groin nodes|Cranial nerves intact|Gait steady|Wound healed well]",
        "Weight 7{g12} kg, ECOG {ecog}",
    ),
    "Laboratory": (
        "Hemoglobin {hb} g/dL, platelets 2{day} thousand, white count 6.{g12}",
        "[Creatinine 0.{g12}9 mg/dL|Bilirubin normal|Sodium 13{g12} mmol/L|Albumin 3.{g12} g/dL|Liver enzymes within normal limits|Calcium normal|TSH in range|Glucose 11{g12} mg/dL]",
        "[Urinalysis negative|Coagulation normal|Magnesium repleted|Vitamin B12 adequate]",
    ),
    "Discussion": (
        "[We|The team] [reviewed|went over] the [scans|results|course] with the patient and {relative} [in detail|today|by video]",
        "Questions about [side effects|prognosis|travel|vaccination|diet] were answered",
        "The possibility of a [clinical trial|second opinion] was [raised|mentioned] but no decision was made",
        "[Consent|Contact details|Advance directives] [were|was] updated",
        "[Social work|Palliative care|Physiotherapy|Nutrition] [referral was offered|will follow along]",
        "[Bone health|Dental review|Fertility|Cardiac monitoring] was [discussed|addressed]",
    ),
    "Plan": (
        "[Return|Review] in {wk} weeks with [labs|bloods and a scan|imaging]",
        "[Repeat|Order] [blood count|chemistry panel|echocardiogram] before the next visit",
        "[Call|Telephone] with [fever|new pain|shortness of breath]",
        "Continue [present management|supportive medicines]",
        "[Flu|Pneumococcal|Shingles] vaccine [today|due in autumn]",
        "Letter to the family physician",
    ),
}
BEFORE = ("Past medical history", "Family history", "Social history")
AFTER = ("Medications", "Review of systems", "Examination", "Laboratory", "Discussion", "Plan")
CORE = (
    "Oncologic history",
    "History of present illness",
    "HPI",
    "Oncology summary",
    "Diagnosis and course",
    "Cancer history",
    "Interval history",
    "",
)


def long_note(case: Case, core: str) -> str:
    """The note between what a full clinic letter also holds: history, medicines, examination, laboratory, plan."""
    rng = case.rng
    before = [name for name in BEFORE if chance(0.5, rng)]
    after = [name for name in AFTER if chance(0.62, rng)] or ["Plan"]
    if chance(0.3, rng):
        before, after = [], rng.sample(before + after, len(before) + len(after))
    headed = chance(0.75, rng)
    title = rng.choice(CORE)
    middle = [f"{title}: {core}" if title and headed else core]
    paragraphs = (
        [_section(case, name, headed=headed) for name in before]
        + middle
        + [_section(case, name, headed=headed) for name in after]
    )
    return rng.choice(("\n\n", "\n\n", "\n", " ")).join(paragraphs)


def _section(case: Case, name: str, *, headed: bool) -> str:
    rng = case.rng
    options = SECTIONS[name]
    chosen = rng.sample(options, rng.randint(2, min(5, len(options))))
    text = ". ".join(capital(case.say(option)) for option in chosen) + "."
    return f"{rng.choice((name, name, name.upper()))}: {text}" if headed else text


DROPPED = re.compile(
    r"\b(?:the|a|an|was|were|is|are|has been|have been|had been|has|had|He|She|Patient|The patient|patient|Pt|then|subsequently|and was)\s",
    re.ASCII,
)
CURT = (
    ("consistent with", "c/w"),
    ("metastases", "mets"),
    ("metastatic", "met"),
    ("started on", "start"),
    ("treated with", "rx"),
    ("diagnosed", "dx"),
    ("year-old", "y"),
    (" demonstrated ", ": "),
    (" showed ", ": "),
    (" revealed ", ": "),
    (" male", "M"),
    (" female", "F"),
    ("presented with", "p/w"),
    ("status post", "s/p"),
    ("underwent ", ""),
    ("received ", ""),
    ("cycles", "cyc"),
    ("weeks", "wk"),
    ("months", "mo"),
    (" with ", " w/ "),
)


def telegram(text: str, rng: random.Random) -> str:
    """The note as it is jotted down: articles, verbs and subjects left out, words cut short."""
    text = DROPPED.sub(lambda match: "" if rng.random() < 0.85 else match.group(0), text)
    for plain, short in CURT:
        if rng.random() < 0.5:
            text = text.replace(plain, short)
    return text.replace(". ", rng.choice((". ", "; ", ", ", " / ", "\n")))
