"""Where tumours spread: plain words for the label, and how a note may say it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """One organ.

    Attributes:
        label: the plain word of the record.
        adjectives: what stands before "metastases" or "lesions".
        places: what stands after "in" or "to" ("the liver").
        findings: whole noun phrases that only metastases in this organ are called.
        targets: what a response sentence measures ("liver lesions").
    """

    label: str
    adjectives: tuple[str, ...]
    places: tuple[str, ...]
    findings: tuple[str, ...]
    targets: tuple[str, ...]


SITES: dict[str, Site] = {
    site.label: site
    for site in (
        Site(
            "liver",
            ("liver", "hepatic", "liver", "hepatic", "bilobar hepatic", "bilobar liver"),
            (
                "the liver",
                "the liver",
                "both lobes of the liver",
                "the right hepatic lobe",
                "hepatic segments VI and VII",
                "the left lobe of the liver",
            ),
            (
                "[multiple|several|numerous|innumerable|new|scattered|bilobar|] [hepatic|liver] [lesions|metastases|deposits|masses|mets]",
                "[multiple|several|numerous|] [hypodense|hypoattenuating|low-density|hypervascular|rim-enhancing] [lesions in the liver|liver lesions|hepatic lesions]",
                "a {cm} cm [liver|hepatic] [lesion|metastasis]",
                "liver-[dominant|predominant|only] [disease|metastatic disease|metastases]",
                "[bulky|extensive|diffuse] [hepatic|liver] [involvement|disease|metastases]",
                "[multiple|several|] [lesions|metastases|metastatic deposits] in the liver",
                "biopsy-proven [hepatic|liver] metastases",
                "a dominant [segment VII|segment IV|right lobe|segment VIII] liver lesion",
            ),
            (
                "liver lesions",
                "hepatic lesions",
                "liver metastases",
                "hepatic metastases",
                "dominant liver lesions",
                "the hepatic disease",
                "liver disease",
                "the dominant hepatic lesion",
                "liver mets",
            ),
        ),
        Site(
            "brain",
            ("brain", "brain", "intracranial", "cerebral", "CNS", "cerebellar"),
            (
                "the brain",
                "the brain",
                "the cerebrum",
                "the cerebellum",
                "the left frontal lobe",
                "the right parietal lobe",
                "the occipital lobe",
                "the CNS",
            ),
            (
                "[multiple|several|two|three|a few|new|small|scattered|innumerable|] [brain|intracranial|cerebral|cerebellar] [metastases|lesions|mets]",
                "[multiple|several|two|three|] [small |subcentimeter |tiny |punctate |]enhancing [brain lesions|intracranial lesions|lesions in the brain|cerebral lesions|supratentorial metastases|brain metastases]",
                "a [solitary|single|dominant|{cm} cm] [cerebellar|left frontal|right frontal|parietal|occipital|temporal lobe|brain] [metastasis|lesion]",
                "[multifocal|symptomatic|asymptomatic|] [intracranial disease|brain metastases|CNS metastases]",
                "[multiple|several] [enhancing|] [cerebral|supratentorial|cerebellar] [lesions|metastases|foci]",
                "[lesions|metastases|enhancing foci] in the [brain|cerebellum|frontal lobes]",
            ),
            (
                "brain lesions",
                "intracranial lesions",
                "brain metastases",
                "intracranial disease",
                "the cerebellar lesion",
                "cerebellar metastases",
                "brain mets",
                "CNS lesions",
                "cerebral metastases",
            ),
        ),
        Site(
            "bone",
            ("bone", "bone", "osseous", "skeletal", "bony", "vertebral"),
            (
                "the bones",
                "bone",
                "the thoracic spine",
                "the lumbar spine",
                "the spine and pelvis",
                "the T8 vertebra",
                "the pelvis",
                "the right femur",
                "the axial skeleton",
                "the ribs",
                "the sacrum",
            ),
            (
                "[extensive|diffuse] sclerotic [bone|osseous|skeletal] [lesions|metastases|disease]",
                "[multiple|several|diffuse|widespread|new|numerous|scattered|multifocal|] [bone|osseous|skeletal|bony|vertebral] [metastases|lesions|mets|deposits]",
                "[multiple|several|diffuse|] [lytic|sclerotic|blastic|osteoblastic|mixed lytic and sclerotic|FDG-avid] [bone lesions|osseous lesions|lesions in the thoracic spine|lesions in the spine|lesions in the spine and pelvis|lesions of the lumbar vertebrae|vertebral lesions|bone metastases|lesions in the pelvis|lesions throughout the axial skeleton]",
                "a [lytic|sclerotic|painful|] [lesion at {vertebra}|lesion in the {vertebra} vertebra|lesion of the right femur|iliac lesion|rib lesion|sacral lesion|lesion in the left iliac wing]",
                "[osseous|skeletal|bone|bony] [involvement|disease|metastatic disease]",
                "metastatic [uptake|foci] in the [thoracic spine|lumbar spine|pelvis|ribs]",
            ),
            (
                "bone lesions",
                "osseous lesions",
                "bone metastases",
                "osseous disease",
                "spine lesions",
                "the vertebral lesions",
                "sclerotic lesions",
                "bony disease",
                "osseous metastases",
            ),
        ),
        Site(
            "lung",
            ("lung", "pulmonary", "pulmonary", "lung"),
            ("the lungs", "the lung", "both lungs", "the contralateral lung", "the right lower lobe"),
            (
                "[multiple|several|bilateral|numerous|new|scattered|multiple bilateral|innumerable|small|] pulmonary [nodules|metastases|lesions]",
                "[multiple|several|bilateral|new|multiple bilateral|] lung [metastases|nodules|lesions|mets]",
                "a [solitary|{cm} cm|new|] [pulmonary|lung] [nodule|metastasis|lesion]",
                "[FDG-avid|metastatic|growing|enlarging] [pulmonary nodules|lung nodules]",
                "[metastatic nodules|nodules|metastases] in both lungs",
                "[biopsy-proven|small-volume] pulmonary metastases",
            ),
            (
                "pulmonary nodules",
                "lung nodules",
                "lung metastases",
                "pulmonary metastases",
                "lung lesions",
                "pulmonary lesions",
                "pulmonary disease",
                "the dominant lung nodule",
            ),
        ),
        Site(
            "peritoneum",
            ("peritoneal", "peritoneal", "omental"),
            ("the peritoneum", "the peritoneal surfaces", "the omentum", "the peritoneal cavity"),
            (
                "[diffuse|extensive|bulky|widespread|] peritoneal [carcinomatosis|disease|implants|nodularity|metastases|deposits|involvement]",
                "[peritoneal|omental] [implants|deposits|nodules]",
                "omental caking[ and peritoneal implants| with ascites| and peritoneal nodularity|]",
                "[ascites with|] [peritoneal|omental] [nodularity|implants|thickening]",
                "carcinomatosis",
                "[bulky|diffuse|] omental [disease|caking|involvement]",
                "[small-volume|malignant] ascites and peritoneal [nodules|implants|nodularity]",
            ),
            (
                "peritoneal implants",
                "peritoneal disease",
                "peritoneal nodularity",
                "omental disease",
                "peritoneal deposits",
                "peritoneal disease burden",
                "the peritoneal implants",
                "omental nodules",
            ),
        ),
        Site(
            "adrenal",
            ("adrenal",),
            ("the adrenal gland", "the left adrenal gland", "both adrenals", "the right adrenal"),
            (
                "a [{cm} cm|left|right|solitary|new|] adrenal [metastasis|lesion|mass|nodule]",
                "[bilateral|] adrenal [metastases|nodules|lesions|masses]",
            ),
            ("the adrenal lesion", "the adrenal mass", "adrenal metastases", "adrenal lesions"),
        ),
        Site(
            "pleura",
            ("pleural",),
            ("the pleura", "the right pleura", "the pleural surfaces"),
            (
                "[a malignant|] pleural [effusion with nodularity|metastases|deposits|nodules|implants]",
                "[cytology-proven|] pleural [metastases|involvement|studding]",
            ),
            ("pleural disease", "pleural nodules", "pleural deposits"),
        ),
        Site(
            "leptomeninges",
            ("leptomeningeal",),
            ("the leptomeninges",),
            (
                "leptomeningeal [disease|enhancement|spread|involvement|carcinomatosis|metastases]",
                "[diffuse|new|] leptomeningeal [disease|enhancement]",
            ),
            ("leptomeningeal disease", "leptomeningeal enhancement"),
        ),
        Site(
            "skin",
            ("cutaneous", "skin"),
            ("the skin", "the scalp skin", "the chest wall skin"),
            ("[multiple|several|] [skin|cutaneous|dermal] [metastases|nodules|deposits]",),
            ("skin lesions", "cutaneous metastases", "skin nodules"),
        ),
        Site(
            "subcutaneous soft tissue",
            ("subcutaneous",),
            ("the subcutaneous soft tissue", "the subcutaneous tissues"),
            ("[multiple|several|] subcutaneous [metastases|nodules|deposits|soft tissue nodules]",),
            ("subcutaneous nodules", "subcutaneous deposits"),
        ),
        Site(
            "spleen",
            ("splenic",),
            ("the spleen",),
            ("[multiple|several|] splenic [lesions|metastases|deposits]", "a {cm} cm splenic [lesion|metastasis]"),
            ("splenic lesions", "the splenic deposits"),
        ),
        Site(
            "kidney",
            ("renal",),
            ("the left kidney", "the kidney", "both kidneys"),
            ("[multiple|] renal [metastases|deposits]", "a {cm} cm metastasis in the left kidney"),
            ("renal metastases", "the renal deposits"),
        ),
        Site(
            "pancreas",
            ("pancreatic",),
            ("the pancreas", "the pancreatic tail"),
            ("[multiple|] metastases in the pancreas", "a pancreatic metastasis"),
            ("pancreatic metastases",),
        ),
        Site(
            "ovary",
            ("ovarian",),
            ("the ovaries", "the left ovary"),
            ("[bilateral|] ovarian metastases", "a metastasis in the left ovary"),
            ("ovarian metastases",),
        ),
        Site(
            "thyroid",
            ("thyroid",),
            ("the thyroid",),
            ("a thyroid metastasis", "metastatic deposits in the thyroid"),
            ("the thyroid deposits",),
        ),
        Site(
            "spinal cord",
            ("intramedullary spinal cord",),
            ("the spinal cord",),
            ("an intramedullary spinal cord metastasis", "spinal cord metastases"),
            ("the spinal cord lesion",),
        ),
        Site(
            "pericardium",
            ("pericardial",),
            ("the pericardium",),
            ("pericardial [metastases|deposits|implants]", "a malignant pericardial effusion"),
            ("pericardial deposits",),
        ),
        Site(
            "small bowel",
            ("small bowel", "jejunal", "ileal"),
            ("the small bowel", "the jejunum"),
            ("[multiple|] small bowel [metastases|deposits]",),
            ("small bowel lesions", "small bowel metastases"),
        ),
        Site(
            "bone marrow",
            ("marrow",),
            ("the bone marrow",),
            ("bone marrow [involvement|infiltration|disease]",),
            ("marrow disease",),
        ),
        Site(
            "muscle",
            ("muscle", "intramuscular"),
            ("the left psoas muscle", "skeletal muscle", "the gluteal muscle"),
            ("[an intramuscular metastasis|intramuscular metastases]", "a metastasis in the left gluteal muscle"),
            ("intramuscular deposits",),
        ),
        Site(
            "diaphragm",
            ("diaphragmatic",),
            ("the diaphragm", "the right hemidiaphragm"),
            ("diaphragmatic [implants|deposits|disease]",),
            ("diaphragmatic implants",),
        ),
        Site(
            "pelvic lymph nodes",
            ("pelvic nodal",),
            ("the pelvic lymph nodes", "pelvic lymph nodes"),
            (
                "[enlarged|bulky|metastatic|pathologic|] pelvic [lymph nodes|lymphadenopathy|adenopathy|nodal disease|nodal metastases]",
            ),
            ("pelvic nodes", "pelvic nodal disease"),
        ),
        Site(
            "retroperitoneal lymph nodes",
            ("retroperitoneal nodal",),
            ("the retroperitoneal lymph nodes",),
            (
                "[enlarged|bulky|pathologic|metastatic|] retroperitoneal [lymph nodes|lymphadenopathy|adenopathy|nodal metastases]",
            ),
            ("retroperitoneal nodes", "retroperitoneal adenopathy"),
        ),
        Site(
            "mediastinal lymph nodes",
            ("mediastinal nodal",),
            ("the mediastinal lymph nodes",),
            (
                "[enlarged|bulky|FDG-avid|metastatic|] mediastinal [lymph nodes|lymphadenopathy|nodal metastases|adenopathy]",
            ),
            ("mediastinal nodes", "mediastinal adenopathy"),
        ),
        Site(
            "supraclavicular lymph nodes",
            ("supraclavicular nodal",),
            ("the left supraclavicular lymph nodes",),
            ("[enlarged|metastatic|] [left|] supraclavicular [lymph nodes|lymphadenopathy|nodal metastases]",),
            ("supraclavicular nodes",),
        ),
        Site(
            "cervical lymph nodes",
            ("cervical nodal",),
            ("the cervical lymph nodes",),
            ("[bulky|metastatic|enlarged|] cervical [lymph nodes|lymphadenopathy|nodal metastases]",),
            ("cervical nodes", "cervical adenopathy"),
        ),
        Site(
            "para-aortic lymph nodes",
            ("para-aortic nodal",),
            ("the para-aortic lymph nodes",),
            ("[enlarged|metastatic|] para-aortic [lymph nodes|lymphadenopathy|nodal metastases]",),
            ("para-aortic nodes",),
        ),
    )
}
RARE = (
    "spleen",
    "kidney",
    "pancreas",
    "ovary",
    "thyroid",
    "spinal cord",
    "pericardium",
    "small bowel",
    "muscle",
    "diaphragm",
    "skin",
    "subcutaneous soft tissue",
    "pleura",
    "leptomeninges",
    "adrenal",
    "mediastinal lymph nodes",
    "supraclavicular lymph nodes",
    "para-aortic lymph nodes",
)
