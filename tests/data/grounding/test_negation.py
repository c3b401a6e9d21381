"""What a note denies, declines or says of somebody else supports no value; what only looks like it still does."""

from __future__ import annotations

import pytest

from data.grounding.evidence import ground
from data.suggestion import Grounding
from data.task import Extraction, load_task

TASK = load_task()
FIELD = next(field for field in TASK.fields if not field.inferred)


def found(text: str, value: str) -> str:
    """How a value rests on a note: its grounding, or `denied` where all that is missing is only denied."""
    values = {**dict.fromkeys(TASK.keys), FIELD.key: value}
    grounded = ground(TASK, text, Extraction(TASK, values))[FIELD.key]
    assert set(grounded.denied) <= set(grounded.missing)
    assert bool(grounded.missing) == (grounded.grounding is Grounding.NOT_FOUND)
    return "denied" if grounded.missing and grounded.denied == grounded.missing else str(grounded.grounding)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # ahead
        ("No evidence of liver metastases.", "liver"),
        ("There is no BRCA2 mutation.", "BRCA2"),
        ("No BRCA1 or BRCA2 mutation was found.", "BRCA2 mutation"),
        ("Negative for EGFR and ALK.", "ALK"),
        ("Staged without brain metastases.", "brain"),
        ("CT ruled out liver metastases.", "liver"),
        ("MRI to rule out brain metastases.", "brain"),
        ("She denies bone pain or metastases.", "bone"),
        ("The patient declined chemotherapy and trastuzumab.", "trastuzumab"),
        ("He refused radiotherapy.", "radiotherapy"),
        ("Carboplatin instead of cisplatin.", "cisplatin"),
        ("A contraindication to trastuzumab.", "trastuzumab"),
        ("She was not a candidate for cystectomy.", "cystectomy"),
        ("No liver, lung or bone metastases.", "bone"),
        ("No metastases in liver, lung, and bone.", "bone"),
        ("No liver and lung metastases were seen.", "lung"),
        ("Not treated with cisplatin.", "cisplatin"),
        ("She did not receive cisplatin.", "cisplatin"),
        ("She didn't receive cisplatin.", "cisplatin"),
        ("Never received tamoxifen.", "tamoxifen"),
        ("Neither liver nor brain was involved.", "brain"),
        ("Free of bone metastases.", "bone"),
        ("Absence of hepatic metastases.", "liver"),
        ("non-small cell lung cancer", "small cell lung cancer"),
        ("Allergic to cisplatin.", "cisplatin"),
        # behind
        ("Trastuzumab was declined.", "trastuzumab"),
        ("Trastuzumab was not given.", "trastuzumab"),
        ("Trastuzumab has not yet been started.", "trastuzumab"),
        ("Trastuzumab could not be given.", "trastuzumab"),
        ("Trastuzumab was considered but not given.", "trastuzumab"),
        ("Trastuzumab was contraindicated.", "trastuzumab"),
        ("Chemotherapy and radiotherapy were refused.", "radiotherapy"),
        ("Chemotherapy was recommended, but she declined.", "chemotherapy"),
        ("Offered adjuvant capecitabine, which the patient declined.", "capecitabine"),
        ("Liver metastases were ruled out.", "liver"),
        ("Liver metastases cannot be excluded.", "liver"),
        ("A BRCA2 mutation was not detected.", "BRCA2"),
        ("Mutations in EGFR, ALK and ROS1 were not detected.", "EGFR"),
        ("KRAS wild type.", "KRAS"),
        ("ALK was negative.", "ALK"),
        ("BRCA2: negative", "BRCA2"),
        ("Liver metastases: absent", "liver"),
        ("HER2 was not amplified.", "HER2 amplification"),
        # of somebody else
        ("Family history of melanoma.", "melanoma"),
        ("Her mother had breast cancer.", "breast cancer"),
        # by other words than the value's
        ("No hepatic lesions.", "liver"),
        ("Without osseous disease.", "bone"),
        ("No progression on imaging.", "progression"),
    ],
)
def test_what_is_only_denied_supports_nothing(text: str, value: str) -> None:
    assert found(text, value) == "denied"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # the denial ends
        ("No metastases to liver; metastases in bone.", "bone"),
        ("No metastases in the liver. Metastases in bone.", "bone"),
        ("No liver metastases, but bone metastases.", "bone"),
        ("No liver metastases, lung nodules present.", "lung"),
        ("No liver metastases although bone lesions were seen.", "bone"),
        ("No BRCA2 mutation and KRAS G12D was found.", "KRAS G12D"),
        ("Declined chemotherapy and received tamoxifen.", "tamoxifen"),
        ("No recurrence after FOLFOX.", "FOLFOX"),
        ("No recurrence with letrozole.", "letrozole"),
        ("No progression on osimertinib.", "osimertinib"),
        ("No response to cisplatin.", "cisplatin"),
        ("Did not respond to cisplatin.", "cisplatin"),
        ("Could not tolerate cisplatin.", "cisplatin"),
        ("Cisplatin was not tolerated.", "cisplatin"),
        ("Chemotherapy was not given; radiotherapy was.", "radiotherapy"),
        ("Chemotherapy was not given and tamoxifen was started.", "tamoxifen"),
        ("ER positive HER2 negative", "ER positive"),
        ("EGFR L858R was detected, ALK was not detected.", "EGFR L858R"),
        ("Lumpectomy with margins negative.", "lumpectomy"),
        ("Sentinel lymph node biopsy was negative.", "sentinel lymph node biopsy"),
        ("Liver metastases were not resected.", "liver"),
        ("No progression of liver metastases.", "liver"),
        ("Instead of FOLFOX, she received CAPOX.", "CAPOX"),
        # no denial at all
        ("Progression despite trastuzumab.", "trastuzumab"),
        ("Not only trastuzumab but also pertuzumab.", "trastuzumab"),
        ("Not only trastuzumab but also pertuzumab.", "pertuzumab"),
        ("No change in liver metastases.", "liver"),
        ("No significant change in the liver metastases.", "liver"),
        ("Not without bone metastases.", "bone"),
        ("No longer on tamoxifen.", "tamoxifen"),
        ("She declined further chemotherapy.", "chemotherapy"),
        ("CA-125 declined with carboplatin.", "carboplatin"),
        ("There is no doubt about bone metastases.", "bone"),
        ("non-small cell lung cancer", "non-small cell lung cancer"),
        ("triple negative breast cancer", "breast cancer"),
        ("Pembrolizumab was discontinued.", "pembrolizumab"),
        # another mention is not denied
        ("No bone metastases in 2019. Bone metastases in 2021.", "bone"),
        ("No liver metastases at first. Hepatic lesions a year later.", "liver"),
        ("Her mother had breast cancer. Biopsy: breast cancer.", "breast cancer"),
        # the value itself denies
        ("HER2 negative", "HER2 negative"),
        ("HER2 was negative", "HER2 negative"),
        ("HER2 was not amplified", "HER2 negative"),
        ("negative for ER and PR", "PR negative"),
        ("No evidence of disease.", "no evidence of disease"),
        ("KRAS wild type", "KRAS wild-type"),
    ],
)
def test_what_is_not_denied_supports_its_value(text: str, value: str) -> None:
    assert found(text, value) in ("exact", "fuzzy", "synonym")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("MET M1250T mutation.", "IV"),
        ("BRCA1 M1775R.", "IV"),
        ("A variant M124G in an unknown gene.", "IV"),
        ("EGFR T790M", "II"),
        ("ABL1 T315I", "II"),
        ("T2-weighted images", "II"),
        ("Collapse of the T3 vertebra.", "III"),
        ("VHL M1V", "IV"),
        ("clinical stage II", "stage IIB"),
        ("clinical stage II", "IIC"),
        ("stage IV", "IVB"),
        ("locally advanced, stage III", "IIIA"),
        ("localized", "IIA"),
        ("pT3 N0", "IIB"),
        ("Found by PCR.", "pCR"),
        ("PARTIAL glossectomy. Healed well.", "partial response"),
        ("complete resection of the mass", "complete response"),
        ("a mixed diet", "mixed response"),
        ("Ki67 30%", "Ki-67 3%"),
        ("PR 23", "PR2 3"),
        ("ER 56", "ER5 6"),
    ],
)
def test_what_only_looks_like_it_supports_nothing(text: str, value: str) -> None:
    assert found(text, value) == "not_found"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("stage IIB", "II"),
        ("stage IVB", "IV"),
        ("partial metabolic response", "partial response"),
        ("the response was partial", "partial response"),
        ("Ki67 30%", "Ki-67 30%"),
        ("Ki 67 30%", "Ki-67 30%"),
        ("KI-67: 30 %", "Ki67 30%"),
        ("Ki-67 index of 30%", "Ki67 30%"),
        ("HER2neu 3+", "HER2 positive"),
        ("HER-2/neu 3+", "HER2 3+"),
        ("Her-2 amplified", "HER2 amplification"),
        ("HER 2 negative", "HER2 negative"),
        ("PDL1 40%", "PD-L1 40%"),
        ("PD L1 40%", "PD-L1 40%"),
        ("CA 125 of 300", "CA-125 300"),
        ("CA19.9", "CA19.9"),
        ("CA 19-9 elevated", "CA19-9 elevated"),
        ("BRCA 2 mutation", "BRCA2 mutation"),
        ("CD-20 positive", "CD20 positive"),
        ("5FU", "5-FU"),
        ("TTF 1 positive", "TTF-1 positive"),
    ],
)
def test_the_same_thing_written_otherwise_is_found(text: str, value: str) -> None:
    assert found(text, value) in ("exact", "fuzzy", "synonym")
