"""Another convention for the same labels, to show that the desk's model learns a house's style from corrections."""

from __future__ import annotations

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


STYLES = {"registry": registry}
