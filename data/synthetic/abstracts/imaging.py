"""What a scan shows and when: the organs with metastases, and what is measured."""

from __future__ import annotations

from data.synthetic.abstracts.case import Case, capital, join_phrases
from data.synthetic.grammar import chance, expand
from data.synthetic.lexicon.organs import sites
from data.synthetic.phrases import response as said


def tell_sites(case: Case) -> None:
    """Put the words for the organs into the slots, and what a scan measures."""
    rng, slots = case.rng, case.slots
    phrases = [" ".join(expand(rng.choice(sites()[site].findings), slots, rng).split()) for site in case.sites]
    words = [rng.choice(sites()[site].adjectives) for site in case.sites]
    slots["mets"] = join_phrases(phrases, rng)
    slots["mets_c"] = capital(str(slots["mets"]))
    for index, phrase in enumerate(phrases[:2]):
        slots[f"m{index}"], slots[f"m{index}_c"] = phrase, capital(phrase)
    slots["places"] = join_phrases([rng.choice(sites()[site].places) for site in case.sites], rng)
    slots["organs"] = join_phrases(list(case.sites), rng)
    slots["joint"] = (
        f"{rng.choice(('', '', '', 'multiple ', 'multiple ', 'new ', 'widespread ', 'synchronous ', 'known '))}{join_phrases(words, rng)} {rng.choice(('metastases', 'metastases', 'metastases', 'lesions', 'involvement', 'mets', 'metastatic disease'))}"
    )
    set_targets(case)


def set_targets(case: Case) -> None:
    """What the scan measures: an affected organ, or the primary."""
    rng, slots = case.rng, case.slots
    targets = [rng.choice(sites()[site].targets) for site in case.sites]
    general = _measure_sites(case)
    if len(targets) > 1 and chance(0.4, rng):
        targets.append(f"both {targets[0].removeprefix('the ')} and {targets[1].removeprefix('the ')}")
    first = rng.choice(targets) if targets and chance(0.75, rng) else rng.choice(general)
    second = rng.choice([target for target in targets + general if target != first])
    slots["t"], slots["t2"], slots["T"] = first, second, capital(first)
    slots["t_b"], slots["t2_b"] = (
        text.removeprefix("the ").removeprefix("all ").removeprefix("both ").removeprefix("several ")
        for text in (first, second)
    )
    elsewhere = [rng.choice(sites()[site].targets) for site in case.sites if site != "brain"]
    slots["o"] = elsewhere[0] if elsewhere else "extracranial disease"
    slots["O"] = capital(str(slots["o"]))
    _set_times(slots)


def _measure_sites(case: Case) -> list[str]:
    """What a scan of any tumour measures, and of this one."""
    general = [
        "target lesions",
        "the target lesions",
        "measurable disease",
        "all target lesions",
        "index lesions",
        "the primary",
        "the primary tumor",
        "the dominant lesion",
        "known lesions",
        "index lesions",
        "several lesions",
    ]
    if "brain" in case.sites:
        general += [
            "extracranial disease",
            "intracranial and extracranial disease",
            "both intracranial and extracranial lesions",
        ]
    if case.cancer.key == "lung":
        general += [
            "pulmonary nodules",
            "the primary lung lesion",
            "the primary and intracranial lesions" if "brain" in case.sites else "the primary lesion",
            "thoracic disease",
            "lung nodules",
            "the primary mass",
            "pulmonary lesions",
        ] * 2
    return general


def _set_times(slots: dict[str, str | tuple[str, ...]]) -> None:
    """When a scan was made."""
    wk, n, d = slots["wk"], slots["n"], slots["d"]
    slots["when"] = (
        f"at {wk} weeks",
        f"at {wk} weeks",
        f"after {d} cycles",
        f"at {n} months",
        f"after {n} months",
        "",
        "",
        "",
        f"after {wk} weeks",
        "at first follow-up",
        f"at the {wk}-week mark",
    )
    slots["when_c"] = (
        f"{wk}-week",
        f"At {wk} weeks",
        f"After {d} cycles,",
        f"At {n} months",
        f"After {n} months,",
        "Recent",
        "First",
        f"After {d} cycles",
        "Interval",
        "Follow-up",
    )


def are_sites_told(case: Case, text: str) -> bool:
    """Whether each organ is named among what was measured."""
    return all(any(target.removeprefix("the ") in text for target in sites()[site].targets) for site in case.sites)


def say_what_was_seen(case: Case) -> str:
    """A scan and when, up to what it showed."""
    case.slots["saw"] = " ".join(case.pick(said["saw"]).split()).replace(" ,", ",")
    words = str(case.slots["saw"])
    case.slots["saw_s"] = words if words[:2].isupper() else words[:1].lower() + words[1:]
    return str(case.slots["saw"])
