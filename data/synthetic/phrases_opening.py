"""How a note begins, where the disease is, how it is staged."""

from __future__ import annotations

# (template, what it tells): m = metastases, s = stage, g = gene. Each implies metastatic disease.
METASTATIC: tuple[tuple[float, str, str], ...] = (
    (1.8, "{who} {has} [metastatic|stage IV] {dx}, {g} [positive|mutated|mutant][, presenting with {mets}|, with {mets}| and {mets}]", "gm"),
    (1.4, "{who} {has} {g} [positive |-mutant |-positive ]metastatic {dx}".replace("{g} [positive |-mutant |-positive ]", "{g}[ positive|-mutant|-positive] "), "g"),
    (1.4, "{who} {has} {dx}, metastatic at [presentation|diagnosis], with {mets}", "m"),
    (1.4, "{who} {has} metastatic {dx}. [Biopsy of a {mass} confirmed the diagnosis|The primary is a {mass}|CT showed a {mass} and {mets}]".replace(" and {mets}", ""), ""),
    (1.2, "{who} [presented with|presents with] a {mass} and {mets}; biopsy [confirmed|showed|was consistent with] {dx}", "m"),
    (1.2, "{who} [was found to have|found to have] {mets} on [staging|workup|imaging] of {dx}", "m"),
    (4, "{who} {has} [newly diagnosed |recently diagnosed |]{dx} [presented|presenting] with {symptom}. [Staging|Imaging|Workup|Staging scans|Baseline staging] [revealed|showed|demonstrated|found] {mets}[ suspicious for metastases| consistent with stage IV disease|, consistent with metastatic disease|]", "ms"),
    (2, "{who} {has} metastatic {dx} [diagnosed last year|diagnosed {n} months ago|first seen {n} months ago|originally diagnosed in {year}|initially diagnosed in {year}]", ""),
    (2, "{who} {has} [metastatic|stage IV] {dx} found to [harbor|carry] {gene}", "g"),
    (1.6, "{who} {has} metastatic {dx} and [widespread|visceral|multifocal|progressive] disease including {mets}", "m"),
    (1.6, "{who} {has} [newly progressive|symptomatic|extensive|widespread] metastatic {dx}", ""),
    (1.4, "[Biopsy-proven|Biopsy-confirmed] metastatic {dx} in a {age}-year-old {noun}", ""),
    (1.4, "[CT-guided biopsy|Core biopsy|Biopsy|Diagnostic biopsy] of a {mass} in a {age}-year-old {noun} [confirmed|showed|confirms] {dx}; [staging|imaging] [showed|revealed|demonstrated] {mets}", "m"),
    (1.2, "{who} who presented with {symptom} has {dx} with {mets} (stage IV)", "ms"),
    (1.2, "{who} followed for metastatic {dx} since {year}", ""),
    (9, "{who} {has} [metastatic|newly diagnosed metastatic|de novo metastatic|metastatic|known metastatic|widely metastatic] {dx}", ""),
    (5, "{who} {has} [newly diagnosed |]stage IV {dx}", "s"),
    (7, "{who} {has} metastatic {dx} [presenting with|with|found to have|involving|and] {mets}", "m"),
    (4, "{who} {has} [newly diagnosed |]stage IV {dx} [with|presenting with|and] {mets}", "ms"),
    (4, "{who} {has} {dx} [and|with|presenting with] {mets}[ consistent with metastases| consistent with metastatic disease|]", "m"),
    (5, "{who} {has} [newly diagnosed |recently diagnosed |]metastatic {dx} (stage IV)", "s"),
    (4, "{who} {has} metastatic {dx}, stage IV[ at presentation| at diagnosis|]", "s"),
    (4, "{who} {has} metastatic {dx} [diagnosed|first diagnosed|confirmed] in {year}", ""),
    (3, "{who} {has} metastatic {dx} [diagnosed|confirmed] [after biopsy of|by core biopsy of|on bronchoscopy of|by biopsy of|following biopsy of] a {mass}", ""),
    (4, "{who} [presented with|presents with|presenting with] {symptom}[ and was found to have|; workup revealed|; work-up showed|. Workup revealed|. Evaluation revealed|, leading to a diagnosis of] metastatic {dx}", ""),
    (3, "{who} [presented with|presents with] {symptom}[ and was found to have|; workup revealed|. Workup revealed|. Imaging and biopsy confirmed] {dx} with {mets}", "m"),
    (3, "{who} {has} [newly diagnosed |]{dx}[ presenting with {symptom}|]. [Staging|Staging workup|Staging CT|Staging PET/CT|Imaging|Workup|Staging scans|Baseline imaging] [showed|revealed|shows|demonstrated|identified|reveals] {mets}[ consistent with stage IV disease|, consistent with stage IV disease| (stage IV)|]", "ms"),
    (3, "{who} diagnosed with [stage IV|metastatic] {dx}[ in {month} {year}| in {year}|]", ""),
    (2, "{who} {has} {dx}, stage IV, with {mets}", "ms"),
    (2, "{who} {has} {g}-[mutant|mutated|positive|driven] [metastatic|stage IV] {dx}", "g"),
    (3, "{who} {has} [metastatic|stage IV|advanced metastatic] {dx} [harboring|with|carrying|and] {gene}", "g"),
    (1.4, "{who} {has} [metastatic|stage IV] {dx} [harboring|with] {gene}[ and|, with|;] {mets}", "gm"),
    (1.5, "[Metastatic|Stage IV] {dx} [with|involving|and] {mets}", "m"),
    (1.2, "{who} {has} [recurrent|relapsed] metastatic {dx}", ""),
    (1.2, "{who} [referred|seen|evaluated|admitted] [for|with] [metastatic|stage IV] {dx}", ""),
    (1.0, "{who} [referred|seen|evaluated] for [management of|a second opinion on|systemic therapy for] metastatic {dx} with {mets}", "m"),
    (1.0, "[History of|Known] metastatic {dx} [with|involving] {mets}", "m"),
    (0.8, "[Diagnosis|Dx|Problem]: [metastatic|stage IV] {dx}", ""),
    (0.8, "{who} {has} unresectable metastatic {dx}", ""),
    (0.8, "{who} {has} {dx} [metastatic to|with metastases to|spread to|with metastatic spread to] {places}", "m"),
    (1.6, "{who} {has} metastatic {dx} [metastatic to|involving|with spread to|with metastases in] {places}", "m"),
    (1.6, "{who} {has} metastatic {dx} with {joint}", "m"),
    (1.5, "{who} {has} stage IV {dx} and {joint}", "ms"),
    (1.5, "{who} [diagnosed|known] with {dx} and {joint}", "m"),
    (0.8, "Biopsy of a {mass} [confirmed|showed|demonstrated] metastatic {dx} in this {age}-year-old {noun}", ""),
)
# Facts told on their own, when the opening did not.
METS = ("[Widespread|Visceral|Extensive] disease [includes|was found with|with] {mets}", "Imaging [is concerning for|was suspicious for|identified|identifies] {mets}", "[CT abdomen|CT chest|Abdominal CT|Chest CT|Baseline MRI|PET-CT] [shows|demonstrates|showed|identified] {mets}", "On [presentation|staging|baseline imaging] {s} had {mets}", "[Initial|Baseline|Complete] staging [demonstrates|shows|identified|found] {mets}",
    "[Staging|Baseline|Initial] [CT|PET/CT|workup|imaging|scans|MRI/CT|studies] [showed|revealed|demonstrated|shows|identified] {mets}", "[Staging|Baseline|Initial] [CT|PET/CT|workup|imaging|scans] [showed|revealed|demonstrated] {mets}[, consistent with metastatic disease| consistent with metastases| consistent with stage IV disease|]", "[Imaging|CT|PET/CT|Workup|Cross-sectional imaging|PET|Restaging] [showed|shows|revealed|demonstrated|demonstrates] {mets}",
    "[Sites of disease|Known sites of disease|Disease sites|Metastatic sites|Metastatic disease] [include|are|involve|involves] {places}", "[Disease|Metastatic disease] [involves|involving|is present in] {places}", "There [are|were] {mets} [on imaging|on CT|at baseline|at diagnosis]", "[Metastases|Metastatic sites|Sites of metastasis]: {organs}", "At [diagnosis|presentation|baseline] there [were|was] {mets}",
    "[Staging|Imaging] [confirmed|documented|notable for] {mets}", "[Scans|CT scans] [showed|show|demonstrated] {mets}", "[CT chest/abdomen/pelvis|CT abdomen|Whole-body PET/CT|MRI] [showed|revealed|demonstrated] {mets}", "[Baseline|Known] {joint} [were noted|were present|are documented|on imaging]", "{mets_c} [were present|were noted|were seen|were identified] [at diagnosis|on staging|at presentation|on baseline imaging|on CT]", "Workup was [notable|positive] for {mets}", "[Disease extent|Extent of disease]: {mets}", "Metastases [were found in|to|involve] {places}", "Metastatic workup revealed {mets}", "[Staging|Imaging] was consistent with {joint}",
)
BRAIN_BONE = ("[Brain MRI|MRI brain|MRI of the brain] [showed|revealed|demonstrated] {m0} and [bone scan|PET/CT|CT|PET|spine MRI] [showed|revealed|confirmed|demonstrated] {m1}", "[Staging|] MRI [showed|revealed] {m0}; [bone scan|CT|PET/CT] [showed|demonstrated] {m1}", "[Brain MRI|MRI] with {m0}; [bone scan|PET] with {m1}", "{m0_c} [were seen|were found|noted] on MRI, with {m1} on [bone scan|CT|PET/CT]")
STAGE4 = ("Stage at [presentation|diagnosis] was IV", "Overall stage recorded as IV", "Staged IV based on imaging", "Final staging IV", "Stage was IV at [presentation|diagnosis]", "[Overall|Clinical|Clinically|Overall clinical|AJCC] stage IV", "Stage IV [disease|at diagnosis|at presentation|by AJCC|]", "Staged as IV", "[Staging|Stage]: IV", "[Disease was|Patient was|Disease] staged as [stage |]IV", "[Staging workup|Workup|Staging|Findings|Imaging] [is|was|were|] consistent with stage IV[ disease|]", "[Final|Documented|Recorded] stage[:|is|was] IV", "The disease is stage IV", "Stage at diagnosis: IV", "[Staging workup|Staging] [demonstrated|showed|confirmed] T[2|3|4]N[1|2|3]M1[a|b|c|] [disease |](stage IV)", "Overall staging IV")
NOT_STAGED = ("Stage not [documented|recorded] [in this note|in the chart|in outside records|on referral]", "No formal stage documented", "The stage is not documented in [the available records|this note]", "Stage is not recorded")
STAGED = ("Clinical stage was recorded as {stage}", "Stage [recorded|documented|assigned] as {stage}", "Initial staging: {stage}", "Disease is clinical stage {stage}", "Clinically [node-positive|node positive] disease, stage {stage}", "{tn} disease, stage {stage}", "Staging was {stage_s}", "[Clinical stage|Stage|Clinical staging|Staging] {stage}", "Stage {stage} [disease|at diagnosis|by imaging|]", "Clinically stage {stage}", "Clinical [stage|staging] [was|is|documented as|consistent with] {stage_s}", "[Staged|Clinically staged] as {stage}", "[Staging|Imaging|Exam and imaging|Workup] [is|was|] consistent with stage {stage}[ disease|]", "[Disease|The tumor] was staged as {stage}", "[Recorded|Documented] stage: {stage}", "Clinical stage {stage} ({tn})", "Clinical staging {tn} (stage {stage})")
PATH_STAGED = ("[Pathology|Final pathology|Surgical pathology|Pathologic staging|The specimen] [showed|was|confirmed|revealed|consistent with|demonstrated] [stage {stage}[ disease|]|{tn} (stage {stage})|stage {stage} ({tn})]", "Pathologic stage {stage}[ ({tn})|]", "Final stage {stage}[ ({tn})|]", "Pathologic stage was {stage}", "Final pathology: {tn}, stage {stage}", "Stage {stage} on final pathology", "Pathology reported {tn}[, stage {stage}| disease consistent with stage {stage}]", "Pathologic staging {tn} (stage {stage})", "[Pathology|Specimen]: stage {stage} ({tn}) with [clear|negative] margins")
NEO_OPEN: tuple[tuple[float, str, str], ...] = (
    (7, "{who} {has} locally advanced {dx}, clinical stage {stage}", "s"), (5, "{who} {has} locally advanced {dx}", ""), (4, "{who} {has} [newly diagnosed |]stage {stage} {dx}", "s"), (4, "{who} {has} {dx}, clinical stage {stage}[ ({tn})|]", "s"), (3, "{who} {has} locally advanced {dx} ({tn})", "t"), (2, "{who} [presented with|presents with] {symptom}. [Biopsy|Core biopsy] [confirmed|showed|revealed] {dx}, clinical stage {stage}", "s"),
    (2, "{who} {has} a {cm} cm {dx}, clinical stage {stage}", "s"), (2, "{who} diagnosed with {dx}[ after {symptom}|]. Clinical stage {stage}[ ({tn})|]", "s"), (1.2, "[Locally advanced|Clinical stage {stage}] {dx} in a {age}-year-old {noun}; clinical stage {stage}", "s"), (1.5, "{who} {has} locally advanced (stage {stage}) {dx}", "s"), (1, "{who} {has} clinical {tn} (stage {stage}) {dx}", "s"), (1.5, "{who} {has} [newly diagnosed |]locally advanced {dx} and [bulky |matted |fixed |palpable |]axillary [adenopathy|nodes], stage {stage}", "s"), (1, "{who} [referred|seen] for neoadjuvant therapy of {dx}, clinical stage {stage}", "s"), (1, "{who} being treated for clinical stage {stage} {dx}", "s"),
)
EARLY_OPEN: tuple[tuple[float, str, str], ...] = (
    (1.5, "{who} {has} [primary|biopsy-proven|newly diagnosed|screen-detected] {dx}, stage {stage}", "s"), (1, "{who} [presented|presents] with {symptom}; excisional biopsy [showed|confirmed] {dx}, stage {stage}", "s"), (6, "{who} {has} [stage {stage}|pathologic stage {stage}] {dx}", "s"), (4, "{who} {has} {dx}", ""), (3, "{who} {has} {dx}, [pathologic |clinical |]stage {stage}[ ({tn})|]", "s"), (3, "{who} [diagnosed with|{has} newly diagnosed|{has}] {dx}[ after {symptom}|]", ""), (3, "{who} [underwent|status post|s/p|who underwent|treated with] {op} for [stage {stage} |]{dx}", "o"), (3, "{who} [underwent|status post|s/p] {op} for {dx}, [pathologic |final |]stage {stage}[ ({tn})|]", "os"), (2, "{who} [presented with|presents with] {symptom}. [Workup|Biopsy|Evaluation|Imaging and biopsy] [revealed|confirmed|showed] {dx}", ""), (2, "{who} {has} [a |]{cm} cm {dx}, stage {stage}", "s"), (1, "{who} [seen in follow-up|followed] after {op} for stage {stage} {dx}", "os"), (1, "[Stage {stage}|Resected stage {stage}] {dx} in a {age}-year-old {noun}", "s"), (1.5, "{who} {has} {dx} ({tn})", "t"),
)
LOCAL_OPEN: tuple[tuple[float, str, str], ...] = (
    (6, "{who} {has} locally advanced {dx}", ""), (4, "{who} {has} locally advanced {dx}, [clinical |]stage {stage}", "s"), (3, "{who} {has} {dx}, clinical stage {stage}[ ({tn})|]", "s"), (3, "{who} {has} [newly diagnosed |]stage {stage} {dx}", "s"), (2, "{who} [presented with|presents with] {symptom} and was found to have locally advanced {dx}", ""), (1, "{who} {has} {dx} ({tn}, stage {stage})", "s"), (1, "[Locally advanced|Stage {stage}] {dx}, clinical stage {stage}", "s"),
)
SECTIONS = ("Diagnosis", "Dx", "Oncologic diagnosis", "Primary")
GENRES = ("Progress note", "Clinic note", "Oncology follow-up", "Oncology progress note", "Discharge summary", "Oncology clinic note", "Clinical note", "Pre-op note", "Pathology and treatment summary", "Chart note", "Operative and pathology summary", "Preoperative note", "Oncology consult", "Operative and oncology summary", "Consult note", "Operative note", "Dermatology/oncology correspondence", "Dermatology note", "Oncology note", "History of present illness", "Referral letter", "Clinic letter", "Clinical summary", "Postoperative note", "Note", "Consultation note", "Radiation oncology consult", "Tumor board note", "Tumor board summary", "Telephone note", "Oncology telephone note", "Hospital course", "Hospital summary", "Pathology report", "Pathology and oncology summary", "Surgical oncology note", "Medical oncology consultation", "MDT discussion", "MDT outcome", "Multidisciplinary meeting", "Letter to GP", "Outpatient letter", "Ward round", "Infusion visit", "Second opinion", "Survivorship visit", "Handover", "Case summary", "Interval history", "HPI", "Assessment", "Brief note", "Record review", "Oncology summary", "Nurse telephone encounter", "Transfer summary", "Gynecologic oncology summary", "Urology clinic note", "Follow-up visit", "Neoadjuvant clinic note", "Case report", "Oncology handoff", "Virtual visit", "Addendum", "Palliative care consult", "Research visit", "ED note")
