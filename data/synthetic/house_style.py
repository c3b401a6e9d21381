"""Another convention for the same labels, to show that the desk's model learns a house's style from corrections."""

from __future__ import annotations

import re

RESPONSES = {
    "partial response": "PR",
    "stable disease": "SD",
    "progression": "PD",
    "complete response": "CR",
    "complete clinical response": "CR (clinical)",
    "no evidence of disease": "NED",
    "pathologic complete response": "pCR",
    "mixed response": "MR",
    "initial partial response then progression": "PR, then PD",
    "biochemical recurrence": "BCR",
    "no evidence of disease (undetectable PSA)": "NED (PSA undetectable)",
}


def registry(output: dict[str, str | None]) -> dict[str, str | None]:
    """The record as a cancer registry writes it: coded responses, "Stage IV", sites joined by " + "."""
    changed = dict(output)
    response, stage, sites = output["response"], output["stage"], output["metastasis_site"]
    changed["response"] = RESPONSES.get(response, response) if response else None
    changed["stage"] = f"Stage {stage}" if stage else None
    changed["metastasis_site"] = " + ".join(site.strip() for site in sites.split(",")) if sites else None
    return changed


# The codes that cancer registries use for sites of metastases (UICC); other organs are OTH.
SITE_CODES = {
    "liver": "HEP",
    "lung": "PUL",
    "bone": "OSS",
    "brain": "BRA",
    "lymph nodes": "LYM",
    "bone marrow": "MAR",
    "pleura": "PLE",
    "peritoneum": "PER",
    "adrenal": "ADR",
    "adrenal gland": "ADR",
    "skin": "SKI",
}
BOARD_RESPONSES = {"died": "DOD", "recurrence": "REL"}
ROMAN = {"IV": "4", "III": "3", "II": "2", "I": "1"}


def tumour_board(output: dict[str, str | None]) -> dict[str, str | None]:
    """The record as a tumour board writes it: "Stage 4", response codes (CR, PR, SD, PD, NED, REL, DOD), "HEP; PUL"."""
    changed = registry(output)
    response, stage, sites = output["response"], output["stage"], output["metastasis_site"]
    if response in BOARD_RESPONSES:
        changed["response"] = BOARD_RESPONSES[response]
    if stage:
        changed["stage"] = _arabic(stage)
    if sites:
        codes = (_code(site.strip()) for site in sites.split(","))
        changed["metastasis_site"] = "; ".join(dict.fromkeys(codes))
    return changed


def _code(site: str) -> str:
    return SITE_CODES.get("lymph nodes" if site.endswith("lymph nodes") else site, "OTH")


def _arabic(stage: str) -> str:
    """ "IIIB" as "Stage 3B"; a stage of another kind as it is."""
    found = re.fullmatch(r"(IV|III|II|I)([ABC]?[123]?)", stage)
    return f"Stage {ROMAN[found[1]]}{found[2]}" if found else stage


STYLES = {"registry": registry, "tumour_board": tumour_board}
