"""Alterations of genes, somatic and germline."""

from __future__ import annotations

import random

from data.synthetic.findings import Fact
from data.synthetic.grammar import chance, choose, expand
from data.synthetic.invented import AMINO, invented_gene
from data.synthetic.lexicon import genes


def article(name: str) -> str:
    """The article that a gene's name takes."""
    return "an" if name.startswith(genes["takes_an"]) else "a"


BASES = "ACGT"


def random_variant(rng: random.Random) -> str:
    """An alteration of a real gene, drawn at random: the model must learn to copy what it has not seen."""
    gene = rng.choice(genes["copied"])
    number = rng.randint(5, 1400)
    kind = rng.random()
    if kind < 0.55:
        return f"{gene} {rng.choice(AMINO)}{number}{rng.choice(AMINO)}"
    if kind < 0.65:
        return f"{gene} {rng.choice(AMINO)}{number}fs"
    if kind < 0.72:
        return f"{gene} {rng.choice(AMINO)}{number}*"
    if kind < 0.80:
        return f"{gene} c.{number}{rng.choice(BASES)}>{rng.choice(BASES)}"
    if kind < 0.86:
        return f"{gene} c.{number}del{rng.choice(BASES)}"
    return f"{gene} {rng.choice(('amplification', 'mutation', 'loss', 'deletion', 'exon 14 mutation', 'splice site mutation', 'frameshift', 'rearrangement'))}"


def gene_fact(label: str, rng: random.Random) -> Fact:
    """An alteration by its label, "brca" for one of BRCA1 or BRCA2."""
    if label == "?":
        label = invented_gene(rng)
    elif label == "*":
        label = random_variant(rng)
    spellings = genes.group("spellings")
    spelled = rng.choice(spellings[label]) if label in spellings else label
    a = article(label)
    if label.split()[-1] in genes["kind_words"]:
        return Fact(label, spelled if chance(0.5, rng) else f"{a} {spelled}")
    forms = (
        spelled,
        spelled,
        spelled,
        f"{spelled} mutation",
        f"{a} {spelled} mutation",
        f"{a} {spelled} mutation",
        f"{a} {rng.choice(('activating', 'sensitizing', 'pathogenic', 'hotspot', 'somatic', 'oncogenic'))} {spelled} mutation",
        f"{spelled} (driver)",
        f"{spelled} hotspot mutation",
    )
    phrase = rng.choice(forms)
    if (
        " an activ" not in phrase
        and phrase.startswith("an ")
        and phrase.split()[1] in ("sensitizing", "pathogenic", "hotspot", "somatic")
    ):
        phrase = "a" + phrase[2:]
    elif phrase.startswith("a ") and phrase.split()[1] in ("activating", "oncogenic"):
        phrase = "an" + phrase[1:]
    return Fact(label, phrase)


def brca_fact(first_share: float, rng: random.Random) -> Fact:
    """A germline finding in BRCA1 (with probability `first_share`) or BRCA2."""
    gene = "BRCA1" if chance(first_share, rng) else "BRCA2"
    named = {
        "BRCA1": ("185delAG", "185delAG", "5382insC", "c.5266dupC", "c.68_69delAG", "C61G"),
        "BRCA2": ("6174delT", "6174delT", "c.5946delT", "c.7558C>T", "K3326*"),
    }[gene]
    kind = choose(
        (
            (30, "deleterious"),
            (26, "variant"),
            (20, "germline"),
            (6, "plain"),
            (6, "pathogenic"),
            (7, "named"),
            (5, "shortened"),
        ),
        rng,
    )
    if kind == "named":
        variant = rng.choice(named)
        label, text = (
            f"{gene} {variant}",
            f"[{gene} {variant}|a {gene} {variant} mutation|a pathogenic {gene} variant ({gene} {variant})|a deleterious {gene} {variant} variant|the {gene} {variant} founder mutation]",
        )
    elif kind == "germline" and chance(0.2, rng):
        label, text = f"{gene} (germline)", f"{gene} germline positivity"
    elif kind == "shortened":
        word = rng.choice(("frameshift", "truncating", "nonsense"))
        label = f"{gene} frameshift" if word == "frameshift" else f"{gene} {word} mutation"
        text = f"[a |a |]{gene} {word} [mutation|mutation|variant]"
    else:
        label, text = _brca_wording(gene, kind)
    return Fact(label, expand(text, {}, rng), germline=True)


def _brca_wording(gene: str, kind: str) -> tuple[str, str]:
    if kind == "deleterious":
        return f"{gene} deleterious mutation", f"[a |a |]deleterious {gene} mutation"
    if kind == "variant":
        return (
            f"{gene} pathogenic variant",
            f"[a pathogenic {gene} variant|pathogenic {gene} variant|a pathogenic {gene} variant"
            + (f"|a {gene} pathogenic variant]" if gene == "BRCA1" else "]"),
        )
    if kind == "plain":
        return f"{gene} mutation", f"[a {gene} mutation|{gene} mutation]"
    if kind == "pathogenic" and gene == "BRCA1":
        return "BRCA1 pathogenic mutation", "[a |]pathogenic BRCA1 mutation"
    if kind == "pathogenic":
        return (
            "BRCA2 (germline)",
            "[a pathogenic BRCA2 mutation|a BRCA2 pathogenic variant|pathogenic BRCA2 mutation|BRCA2 pathogenic variant]",
        )
    return (
        f"{gene} (germline)",
        f"[a germline {gene} mutation|germline {gene} mutation|a germline {gene} pathogenic variant|a known germline {gene} mutation|{gene} germline mutation|germline {gene} pathogenic variant]",
    )
