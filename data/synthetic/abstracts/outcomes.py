"""Outcomes: what the note says of them and what the record calls them."""

from __future__ import annotations

from data.synthetic.abstracts.case import Case
from data.synthetic.abstracts.imaging import say_what_was_seen, set_targets
from data.synthetic.grammar import choose
from data.synthetic.phrases import response as said


def name_lost(first: str) -> str | None:
    """What the record calls a response that was lost: only a partial response is named with its loss."""
    return _label("relapse" if "partial" in first else "progression")


def _label(outcome: str) -> str | None:
    """What the record calls an outcome; None where it has none yet."""
    return said.words("labels")[outcome] or None


def _say_later(case: Case) -> str:
    return case.pick(said["brain_later"] if "brain" in case.sites and case.chance(0.5) else said["then_progression"])


def draw(case: Case, key: str) -> str:
    """An outcome by the usual shares of a tumour or setting."""
    shares: dict[str, dict[str, float]] = said.content["shares"]
    return choose([(share, outcome) for outcome, share in shares.get(key, shares["other"]).items()], case.rng)


def tell(case: Case, outcome: str) -> str:
    """One sentence of an outcome; sets the record."""
    case.record["response"] = _label(outcome)
    set_targets(case)
    if outcome == "relapse":
        return relapse(case)
    say_what_was_seen(case)
    if "brain" in case.sites and len(case.sites) > 1 and outcome in said.content["brain"] and case.chance(0.45):
        return case.pick(said.group("brain")[outcome])
    return case.pick(said.group("sentences")[outcome])


def relapse(case: Case) -> str:
    """A response that was lost again, as one sentence."""
    case.record["response"] = _label("relapse")
    say_what_was_seen(case)
    kind = case.rng.random()
    if kind < 0.35:
        return f"{case.say('[There was|{S} had|{S} achieved|This produced]')} an initial partial response {_say_later(case)}"
    if kind < 0.6:
        first = case.say("{saw} a[n initial|] partial response")
        return f"{first}, {_say_later(case)}"
    if kind < 0.8:
        first = case.say(
            "[Initial|First|Early] [scans|imaging|restaging|CT] showed [a partial response|shrinkage of {t}|tumor shrinkage|a radiographic partial response]"
        )
        case.record["response"] = name_lost(first)
        return f"{first}, {_say_later(case)}"
    first = case.pick(said.group("sentences")["partial"])
    case.record["response"] = name_lost(first)
    return f"{first}. {case.say('[Subsequently|Later|However,|Unfortunately,|At {n} months,|After {n} months,] [{s} developed progression|there was progression|imaging showed progression|the disease progressed|{s} progressed][ in {t}| with new {t_b}|]')}"


def tail(case: Case, outcome: str) -> str | None:
    """The outcome as the end of a treatment sentence, where that can be; sets the record."""
    set_targets(case)
    if outcome == "relapse":
        first = case.pick(said["first_response"])
        case.record["response"] = name_lost(first)
        return f"{first} {_say_later(case)}"
    tails = said.group("tails")
    if outcome not in tails:
        return None
    case.record["response"] = _label(outcome)
    return case.pick(tails[outcome])
