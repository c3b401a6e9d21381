"""How a note tells that nothing of the disease is left. The slots are those of `response`."""

from __future__ import annotations

COMPLETE = (
    "{saw} a complete response",
    "{saw} complete response",
    "{saw} a complete metabolic response",
    "{saw} [complete resolution|resolution] of {t}[, consistent with a complete response| with no residual FDG-avid disease|]",
    "{saw} [no FDG-avid disease|no residual hypermetabolic disease], consistent with a complete [metabolic|] response",
    "{S} [achieved|attained|has had|had] a [complete|radiographic complete] response",
    "{saw} [a|] complete radiographic response",
    "[Assessment|Impression]: complete response",
    "{saw} [disappearance|complete disappearance] of [all target lesions|all known lesions|{t}]",
    "{S} remains in [complete response|complete remission]",
    "[Best|Overall] response [was|is] [a|] complete response",
    "{saw} complete metabolic resolution of {t}",
    "{saw} [radiographic|] complete response with no measurable disease",
    "All [target lesions|known lesions|sites of disease] have resolved",
    "{saw} resolution of all measurable disease",
    "Complete response was [documented|confirmed] [on PET/CT|on imaging|at {n} months]",
    "{saw} a sustained complete response",
)
OVARY_CLEAR = (
    "CA-125 [normalized|has normalized|returned to normal] and [CT|surveillance CT|follow-up CT|imaging] [shows|showed] no [residual disease|evidence of disease|measurable disease|radiographic disease]",
    "[CT|Surveillance CT|Imaging] {when} [shows|showed] no [evidence of|residual] disease and CA-125 is [normal|within normal limits]",
    "[Exam|Examination] and CT [show|showed] no evidence of disease with a normal CA-125",
    "{S} has had an excellent [clinical and radiographic|radiologic and CA-125] response with no residual disease on CT",
    "No residual disease is seen on CT and CA-125 has normalized",
)
COMPLETE_CLINICAL = (
    "{S} [achieved|had|attained] a complete clinical response",
    "{saw} complete clinical response",
    "[CA-125 normalized|Tumor markers normalized|Examination is normal] and imaging [shows|showed] [no measurable disease|resolution of disease], consistent with complete clinical response",
    "[Exam and imaging|Examination and CT|Endoscopy and imaging] [show|showed] a complete clinical response",
    "A complete clinical response was documented",
    "{S} is in complete clinical remission (complete clinical response)",
    "{saw} a clinical complete response",
)
NED = (
    "[Surveillance|Follow-up] [CT|imaging|exam] {when} [shows|confirms|demonstrates|documented] no [evidence of|radiologic|] [distant disease|recurrence|metastatic recurrence]",
    "[Exams|Exam] and [surveillance imaging|CT scans] [show|confirm] no [recurrence|disease] [{n} months|one year|two years] [after surgery|from surgery|ago|out]",
    "{S} [tolerated therapy well|completed therapy with good tolerance|recovered without complications] and [has no evidence of disease|remains disease-free|is free of recurrence]",
    "[Current assessment|Current clinical assessment|Latest visit|Last visit]: no [clinical or radiographic |]evidence of disease",
    "There are no signs of [recurrence|disease] on [dermatologic exam|skin and nodal exam|exam|current imaging]",
    "CEA is normal and [CT|surveillance] shows no [recurrence|recurrent disease]",
    "[Three-month|Six-month|One-year] [imaging|CT|follow-up] [shows|showed] no [evidence of disease|recurrence|residual disease]",
    "{saw} no evidence of disease",
    "{saw} no [radiographic|radiologic|] evidence of [disease|recurrence|recurrent disease|recurrent or metastatic disease]",
    "{S} [remains|is|is currently] [without evidence of disease|free of disease|disease-free|NED|without evidence of recurrence] [at {n} months|on surveillance|]",
    "Surveillance [CT|imaging|CTs|scans] [at {n} months|] [shows|show|showed|demonstrated] no [evidence of disease|recurrence|evidence of recurrence|recurrent or metastatic disease|disease|radiographic evidence of disease]",
    "There is no [clinical or radiographic|radiographic|clinical|] evidence of [disease|recurrence|residual disease]",
    "[At|On] {n}-month follow-up there [was|is] no evidence of [disease|recurrence]",
    "No [evidence of|signs of] [disease|recurrence] [on|at] [surveillance imaging|last follow-up|{n}-month follow-up|most recent CT|current follow-up]",
    "{S} [has|had] no evidence of disease [at {n} months|on the latest imaging|on exam and imaging]",
    "[Current status|Disease status|Status]: no evidence of disease",
    "{S} is [doing well|clinically well] with no evidence of [disease|recurrence]",
    "[Exam|Examination] and [imaging|CT|surveillance scans] [are|remain] [clear|negative for recurrence|without evidence of disease]",
    "Follow-up [to date|at {n} months|] [shows|is notable for] no recurrence",
    "[Margins were clear|Margins were negative] and {s} is [now |]on [routine |]surveillance [without recurrence|with no evidence of disease]",
    "{n_c}-month surveillance [imaging|CT|scans] [is|was|are] negative for recurrence",
    "[Postoperative|Post-treatment|Post-operative] imaging [shows|showed] no [residual|evidence of|] disease",
    "[CEA|Tumor markers] [and CT|and imaging] [remain|are] [normal|without evidence of recurrence]",
    "No recurrent disease has been seen [in {n} months of follow-up|on surveillance|so far]",
    "{saw} no residual disease",
)
NED_OPERATED = (
    "{S} [was|is being] [followed|observed] with [surveillance|routine skin checks|regular follow-up] [only|alone|]",
    "No adjuvant therapy was [recommended|planned|given]; {s} is on [routine |]surveillance",
    "{S} [continues|remains] on routine surveillance",
    "[Margins|Surgical margins] were negative and no further therapy was [planned|indicated|recommended]",
    "No systemic therapy was indicated; {s} remains [clinically free of disease|well|disease-free] [at {n} months|]",
)
PCR = (
    "[Final path|Path|Surgical path] [showed|confirms|with] no residual invasive [cancer|disease|carcinoma][ (pCR)| — pathologic complete response|]",
    "[Excellent|Marked|Dramatic] clinical [response|shrinkage] was [noted|seen] and [final|surgical] pathology [confirmed|showed] [a pathologic complete response|no residual invasive carcinoma|pCR]",
    "[Margins and nodes|Breast and nodes|Breast and axilla] were free of residual [tumor|invasive disease] ([pathologic complete response|pCR|ypT0N0])",
    "Pathology after [surgery|mastectomy|resection] [demonstrated|shows|identified|confirmed] [no residual invasive disease|a pathologic complete response|complete pathologic response in the breast and nodes]",
    "[Surgical|Final|Operative|Definitive|Post-treatment|Final surgical] pathology [showed|demonstrated|revealed|reported|confirmed|documented|shows] no residual invasive [carcinoma|cancer|disease|tumor][ (pathologic complete response)|, a pathologic complete response| (pCR)| — pathologic complete response|, consistent with pathologic complete response|]",
    "[Surgical|Final|Operative] [specimen|pathology] [showed|demonstrated|revealed|confirmed] [a|] pathologic complete response[ (ypT0N0)| in breast and nodes| (pCR)|]",
    "Pathologic complete response was [achieved|documented|confirmed|reported] [at surgery|in the surgical specimen|on final pathology|]",
    "No residual [invasive|viable] [tumor|carcinoma|cancer] was [found|identified|seen] in the [specimen|breast or nodes|resection specimen] ([pCR|pathologic complete response|ypT0N0])",
    "{S} achieved a pathologic complete response[ at surgery| (ypT0ypN0)|]",
    "[Pathology|The specimen|Final histology] was negative for residual [invasive disease|cancer|tumor], [i.e. a pCR|consistent with pCR|a pathologic complete response]",
    "Residual cancer burden was 0 (pathologic complete response)",
    "[The surgical specimen|Resection specimen|Mastectomy specimen|Lumpectomy specimen] [contained|showed|demonstrated] no residual [invasive carcinoma|tumor|malignancy]",
    "Pathology at surgery: [ypT0N0|no residual invasive carcinoma], pathologic complete response",
    "[Surgical|Final] pathology [was consistent with|documented|reported] [a|] pathologic complete response",
    "[Final|Surgical] pathology: ypT0 ypN0[, pCR| (pathologic complete response)|]",
    "The surgical specimen was free of residual invasive disease[ (pathologic complete response)|]",
)
UNDETECTABLE = (
    "[Postoperative|Post-operative|Post-op|Follow-up|Most recent] PSA [is|was|remains] undetectable[ at {n} months|]",
    "PSA [is|was|has been|remains] undetectable [at {n}-month follow-up|at {n} months|since surgery|on last check]",
    "PSA [fell|dropped|declined] to undetectable [levels|] [at {n} months|]",
    "At {n} months PSA [is|was] undetectable [with no evidence of disease|and imaging is clear|]",
    "PSA nadir is undetectable",
)
UNDETECTABLE_IMAGING = (
    "PSA [is|was|remains] undetectable [at {n} months|] and there is no [radiographic|imaging] evidence of [disease|metastases|metastatic disease]",
    "PSA is undetectable at {n}-month follow up with no evidence of disease on imaging",
    "There is no evidence of disease [and PSA is undetectable|with an undetectable PSA]",
)
