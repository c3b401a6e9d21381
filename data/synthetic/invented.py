"""Names that do not exist, so that a model learns to copy what it has never seen."""

from __future__ import annotations

import random

from data.synthetic.lexicon import drugs, genes

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
AMINO = "ACDEFGHIKLMNPQRSTVWY"


def invented_drug(rng: random.Random) -> str:
    """A drug, a code or a regimen."""
    kind = rng.random()
    if kind < 0.8:
        return "".join(rng.choice(drugs["stems"]) for _ in range(rng.choice((1, 2, 2)))) + rng.choice(drugs["suffixes"])
    if kind < 0.9:
        return f"{rng.choice(LETTERS)}{rng.choice(LETTERS)}{rng.choice(('-', ''))}{rng.randint(101, 9999)}"
    return rng.choice(drugs["regimen_codes"])


def invented_gene(rng: random.Random) -> str:
    """A gene with an alteration."""
    gene = (
        rng.choice(genes["syllables"])
        + rng.choice(("", rng.choice(LETTERS), rng.choice(LETTERS) + rng.choice(LETTERS)))
        + rng.choice(("", str(rng.randint(1, 19))))
    )
    kind = rng.random()
    if kind < 0.6:
        return f"{gene} {rng.choice(AMINO)}{rng.randint(9, 1500)}{rng.choice(AMINO)}"
    if kind < 0.75:
        return f"{gene}-{rng.choice(genes['syllables'])}{rng.randint(1, 9)} fusion"
    return f"{gene} {rng.choice(('amplification', 'mutation', 'loss', 'exon 7 deletion', 'deletion', 'frameshift'))}"


def invented_marker(rng: random.Random) -> str:
    """A biomarker's name."""
    kind = rng.random()
    if kind < 0.4:
        return f"{rng.choice(LETTERS)}{rng.choice(LETTERS)}-{rng.randint(2, 99)}"
    if kind < 0.7:
        return f"{rng.choice(genes['syllables'])}{rng.randint(1, 30)}"
    return f"{rng.choice(('sol', 'neo', 'cyt', 'gran', 'mel', 'onc'))}{rng.choice(('ostatin', 'erin', 'ulin', 'okine', 'actin', 'oferrin'))}{rng.choice(('', '-A', '-2', ' B'))}"
