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


# Sites as adjectives; words that the task's lexicon holds, since a model writes no others.
ADJECTIVES = {
    "liver": "hepatic",
    "lung": "pulmonary",
    "bone": "osseous",
    "brain": "cerebral",
    "lymph nodes": "nodal",
    "pleura": "pleural",
    "peritoneum": "peritoneal",
    "adrenal": "adrenal",
    "adrenal gland": "adrenal",
    "skin": "cutaneous",
    "spleen": "splenic",
    "kidney": "renal",
    "pancreas": "pancreatic",
    "ovary": "ovarian",
    "stomach": "gastric",
    "heart": "cardiac",
}
BOARD_RESPONSES = {"died": "dead", "recurrence": "relapse", "mixed response": "mixed response"}


def tumour_board(output: dict[str, str | None]) -> dict[str, str | None]:
    """The record as a tumour board writes it: "Stage IV", CR, PR, SD, PD, NED, relapse or dead, "hepatic, osseous"."""
    changed = registry(output)
    response, stage, sites = output["response"], output["stage"], output["metastasis_site"]
    if response in BOARD_RESPONSES:
        changed["response"] = BOARD_RESPONSES[response]
    if stage:
        changed["stage"] = f"Stage {stage}" if re.match(r"[IV]+[ABC]?\d?$", stage) else stage
    if sites:
        words = (_adjective(site.strip()) for site in sites.split(","))
        changed["metastasis_site"] = ", ".join(dict.fromkeys(words))
    return changed


def _adjective(site: str) -> str:
    return ADJECTIVES.get("lymph nodes" if site.endswith("lymph nodes") else site, site)


STYLES = {"registry": registry, "tumour_board": tumour_board}
