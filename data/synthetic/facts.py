"""Genes and biomarkers of one case: the label, and how a note may say it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from data.synthetic.grammar import chance, expand, pick, weighted
from data.synthetic.invented import invented_gene, invented_marker


@dataclass(frozen=True)
class Fact:
    """One finding.

    Attributes:
        label: its value in the record.
        phrase: a noun phrase or short clause for the note.
        germline: whether it was found in the germline.
    """

    label: str
    phrase: str
    germline: bool = False


AN = (
    "EGFR",
    "NRAS",
    "IDH",
    "ALK",
    "ATM",
    "AKT",
    "ESR",
    "EML",
    "FGFR",
    "NTRK",
    "NF",
    "ETV",
    "API",
    "ERCC",
    "APC",
    "ATR",
    "EZH",
    "EWSR",
    "MYD",
    "HRAS",
    "ABL",
    "SMO",
    "SMAD",
    "SPOP",
    "RB",
    "STK",
    "SS18",
    "FLT",
    "NPM",
)
KIND_WORDS = (
    "mutation",
    "loss",
    "amplification",
    "fusion",
    "rearrangement",
    "deletion",
    "skipping",
    "insertion",
    "frameshift",
    "variant",
)


def article(name: str) -> str:
    """The article that a gene's name takes."""
    return "an" if name.startswith(AN) else "a"


SPELLINGS: dict[str, tuple[str, ...]] = {
    "EGFR L858R": (
        "EGFR L858R",
        "EGFR L858R",
        "EGFR L858R",
        "EGFR L858R",
        "EGFR exon 21 L858R",
        "EGFR p.L858R",
        "EGFR (L858R)",
    ),
    "EGFR exon 19 deletion": (
        "EGFR exon 19 deletion",
        "EGFR exon 19 deletion",
        "EGFR exon 19 deletion",
        "EGFR ex19del",
        "exon 19 deletion in EGFR",
    ),
    "KRAS G12D": ("KRAS G12D", "KRAS G12D", "KRAS G12D", "KRAS p.G12D", "KRAS exon 2 G12D", "KRAS (G12D)"),
    "BRAF V600E": ("BRAF V600E", "BRAF V600E", "BRAF V600E", "BRAF V600E", "BRAF p.V600E", "BRAF (V600E)"),
    "PIK3CA H1047R": ("PIK3CA H1047R", "PIK3CA H1047R", "PIK3CA H1047R", "PIK3CA p.H1047R", "PIK3CA exon 20 H1047R"),
}
AMINO = "ACDEFGHIKLMNPQRSTVWY"
COPIED_GENES = (
    "EGFR",
    "KRAS",
    "NRAS",
    "BRAF",
    "PIK3CA",
    "TP53",
    "KIT",
    "MET",
    "RET",
    "FGFR1",
    "FGFR2",
    "FGFR3",
    "IDH1",
    "IDH2",
    "ESR1",
    "AKT1",
    "ERBB2",
    "ERBB3",
    "MAP2K1",
    "HRAS",
    "PDGFRA",
    "ALK",
    "ROS1",
    "CTNNB1",
    "SMAD4",
    "FBXW7",
    "NOTCH1",
    "PTEN",
    "CDKN2A",
    "STK11",
    "KEAP1",
    "RB1",
    "APC",
    "ATM",
    "CHEK2",
    "PALB2",
    "RAD51D",
    "BRIP1",
    "MLH1",
    "MSH2",
    "MSH6",
    "PMS2",
    "ARID1A",
    "POLE",
    "GNAQ",
    "GNA11",
    "BAP1",
    "VHL",
    "TSC1",
    "TSC2",
    "NF1",
    "NF2",
    "JAK2",
    "MPL",
    "SF3B1",
    "DNMT3A",
    "TET2",
    "ASXL1",
    "RUNX1",
    "WT1",
    "SPOP",
    "AR",
    "FOXA1",
    "CDK12",
    "MTOR",
    "MYC",
    "CCND1",
    "MDM2",
    "CDK4",
)
BASES = "ACGT"


def random_variant(rng: random.Random) -> str:
    """An alteration of a real gene, drawn at random: the model must learn to copy what it has not seen."""
    gene = rng.choice(COPIED_GENES)
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
    spelled = rng.choice(SPELLINGS[label]) if label in SPELLINGS else label
    a = article(label)
    if label.split()[-1] in KIND_WORDS:
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
    kind = weighted(
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


PERCENT = (
    (54, "10%"),
    (20, "5%"),
    (5, "1%"),
    (4, "20%"),
    (4, "30%"),
    (4, "60%"),
    (3, "15%"),
    (2, "40%"),
    (3, "<1%"),
    (3, ">50%"),
    (2, "2%"),
    (8, "?"),
)
PDL1 = (
    "PD-L1 {v}",
    "PD-L1 {v}",
    "PD-L1 TPS {v}",
    "PD-L1 TPS {v}",
    "PD-L1 tumor proportion score {v}",
    "PD-L1 tumor proportion score was {v}",
    "PD-L1 tumor proportion score of {v}",
    "PD-L1 tumor proportion score (TPS) {v}",
    "PD-L1 by IHC was {v}",
    "PD-L1 by IHC {v}",
    "PD-L1 expression was {v}",
    "PD-L1 expression {v}",
    "PD-L1 was {v}",
    "PD-L1 was {v}",
    "PD-L1 reported at {v}",
    "PD-L1 {v} by IHC",
    "PD-L1 IHC {v}",
    "PD-L1 TPS of {v}",
    "PD-L1 (22C3) {v}",
    "PD-L1 IHC was {v}",
    "PD-L1 TPS reported at {v}",
    "PD-L1 reported as {v}",
    "PD-L1 expression of {v}",
    "PD-L1 staining was {v}",
    "PD-L1 expression reported at {v}",
    "PD-L1 about {v}",
    "PD-L1 ~{v}",
    "PD-L1 approximately {v}",
    "PD-L1 staining in {v} of tumor cells",
    "PD-L1 expression on {v} of tumor cells",
    "programmed death ligand 1 expression of {v}",
)


def _pdl1(rng: random.Random) -> Fact:
    value = weighted(PERCENT, rng)
    if value == "?":
        value = f"{rng.choice((3, 4, 8, 12, 25, 35, 45, 50, 55, 65, 70, 75, 80, 85, 90, 95, rng.randint(2, 99)))}%"
    phrase = pick(PDL1, {"v": value}, rng).replace("~<", "<").replace("~>", ">")
    return Fact(f"PD-L1 {value}", phrase)


def _cps(rng: random.Random) -> Fact:
    value = str(rng.choice((1, 2, 5, 5, 8, 10, 10, 15, 20, 30, 40, 60)))
    return Fact(
        f"PD-L1 CPS {value}",
        pick(
            (
                "PD-L1 CPS {v}",
                "PD-L1 combined positive score {v}",
                "PD-L1 CPS of {v}",
                "PD-L1 CPS returned {v}",
                "PD-L1 combined positive score (CPS) was {v}",
            ),
            {"v": value},
            rng,
        ),
    )


def _tmb(rng: random.Random) -> Fact:
    return Fact(
        "TMB-high",
        pick(
            (
                "TMB-high",
                "TMB-high",
                "TMB-high",
                "high TMB",
                "high tumor mutational burden",
                "high tumor mutational burden (TMB-high)",
                "tumor mutational burden was high",
                "tumor mutational burden reported as TMB-high",
                "tumor mutational burden reported as high",
                "elevated tumor mutational burden (TMB-high)",
                "TMB was high",
                "high tumor mutation burden",
                "a high tumor mutational burden",
                "TMB-high status",
            ),
            {},
            rng,
        ),
    )


def _tmb_number(rng: random.Random) -> Fact:
    value = str(rng.choice((2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 14, 15, 18, 20, 22, 25, 38)))
    return Fact(
        f"TMB {value} mut/Mb",
        pick(
            ("TMB {v} mut/Mb", "TMB of {v} mut/Mb", "tumor mutational burden {v} mut/Mb", "TMB was {v} mut/Mb"),
            {"v": value},
            rng,
        ),
    )


def _tmb_low(rng: random.Random) -> Fact:
    return Fact(
        "TMB-low",
        pick(
            ("TMB-low", "low TMB", "low tumor mutational burden", "TMB was low", "tumor mutational burden was low"),
            {},
            rng,
        ),
    )


def _msih(rng: random.Random) -> Fact:
    return Fact(
        "MSI-H",
        pick(
            (
                "MSI-H",
                "MSI-H",
                "MSI-H",
                "MSI-high",
                "MSI-High",
                "microsatellite instability-high (MSI-H)",
                "high microsatellite instability (MSI-H)",
                "high microsatellite instability",
                "MSI-H by PCR",
                "MSI-H status",
                "dMMR/MSI-H",
                "deficient mismatch repair (MSI-H)",
                "mismatch repair deficient (MSI-H)",
                "MSI-high (MSI-H)",
                "MSI-H (dMMR)",
                "MSI-high by PCR",
                "microsatellite instability high (MSI-H)",
                "MSI-H with loss of MLH1 and PMS2",
            ),
            {},
            rng,
        ),
    )


def _mss(rng: random.Random) -> Fact:
    if chance(0.5, rng):
        return Fact(
            "MSS",
            pick(
                (
                    "MSS",
                    "MSS",
                    "microsatellite stable (MSS)",
                    "microsatellite stable (MSS)",
                    "MSS (microsatellite stable)",
                    "MSS by PCR",
                    "microsatellite-stable (MSS)",
                ),
                {},
                rng,
            ),
        )
    return Fact(
        "MSI-stable",
        pick(
            (
                "MSI-stable",
                "MSI-stable",
                "MSI-stable",
                "microsatellite stable",
                "microsatellite-stable",
                "MSI-stable by PCR",
                "MSI-stable with intact mismatch repair proteins",
                "microsatellite stable by PCR",
            ),
            {},
            rng,
        ),
    )


def _number(name: str, unit: str, low: int, high: int, texts: tuple[str, ...] = ()) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        exact = low + int((high - low) * rng.random() ** 2)
        value = exact if exact < 30 else round(exact, -1)
        shown = f"{value:,}" if chance(0.4, rng) else str(value)
        text = rng.choice(
            texts
            or (
                "{n} {v} {u}",
                "{n} was {v} {u}",
                "{n} of {v} {u}",
                "baseline {n} was {v} {u}",
                "baseline {n} {v} {u}",
                "serum {n} was {v} {u}",
                "{n} at presentation was {v} {u}",
                "initial {n} {v} {u}",
                "{n} at diagnosis was {v} {u}",
                "pretreatment {n} {v} {u}",
            )
        )
        return Fact(f"{name} {value} {unit}", text.replace("{n}", name).replace("{v}", shown).replace("{u}", unit))

    return fact


def _serum(names: tuple[str, ...], unit: str, low: int, high: int, elevated: float) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        name = rng.choice(names)
        if chance(elevated, rng):
            exact = rng.randint(low, high)
            value = f"{round(exact, -1):,} {unit}"
            return Fact(
                f"{name} elevated",
                pick(
                    (
                        "{n} [was|] [markedly |significantly |] elevated [at diagnosis|at presentation|pre-operatively|at baseline|]",
                        "elevated {n}",
                        "[markedly|] elevated {n} at [diagnosis|presentation]",
                        "{n} [was|] elevated at {v}",
                        "{n} [was|] markedly elevated ({v})",
                        "a [markedly|] elevated {n}",
                        "{n} elevated",
                        "pre-treatment {n} elevated",
                        "baseline {n} was [markedly|] elevated",
                        "{n} initially elevated",
                    ),
                    {"n": name, "v": value},
                    rng,
                )
                .strip()
                .replace("  ", " "),
            )
        return _number(name, unit, low, high)(rng)

    return fact


def _stated(*pairs: tuple[str, tuple[str, ...]]) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        label, texts = rng.choice(pairs)
        return Fact(label, rng.choice(texts))

    return fact


def _percent(name: str, texts: tuple[str, ...]) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        value = f"{rng.choice((3, 5, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 60, 70, 80, 90))}%"
        return Fact(f"{name} {value}", rng.choice(texts).replace("{v}", value))

    return fact


def _positive(name: str) -> Callable[[random.Random], Fact]:
    return _stated(
        (
            f"{name} positive",
            (
                f"{name} positive",
                f"{name} positive by IHC",
                f"positive for {name} by IHC",
                f"{name} was positive",
                f"{name} expression was positive",
            ),
        )
    )


HRD_POSITIVE = (
    "HRD-positive",
    (
        "HRD-positive",
        "HRD-positive",
        "HRD-positive on myChoice",
        "HRD-positive status",
        "homologous recombination deficient (HRD-positive)",
        "homologous recombination deficiency (HRD-positive)",
    ),
)
MARKERS: dict[str, Callable[[random.Random], Fact]] = {
    "pdl1": _pdl1,
    "cps": _cps,
    "tmb": _tmb,
    "tmbn": _tmb_number,
    "tmblow": _tmb_low,
    "msih": _msih,
    "mss": _mss,
    "cea": _serum(("CEA",), "ng/mL", 8, 400, 0.3),
    "ca199": _serum(("CA19-9", "CA 19-9", "CA19-9"), "U/mL", 80, 15000, 0.72),
    "ca125": _serum(("CA-125",) * 8 + ("CA 125",), "U/mL", 90, 2400, 0.72),
    "psa": _number(
        "PSA",
        "ng/mL",
        6,
        900,
        (
            "baseline PSA was {v} {u}",
            "baseline PSA {v} {u}",
            "PSA at diagnosis was {v} {u}",
            "PSA {v} {u}",
            "PSA was {v} {u}",
            "initial PSA was {v} {u}",
            "PSA of {v} {u}",
            "PSA at presentation was {v} {u}",
            "pretreatment PSA was {v} {u}",
            "presenting PSA {v} {u}",
            "PSA measured {v} {u}",
        ),
    ),
    "afp": _serum(("AFP", "alpha-fetoprotein"), "ng/mL", 40, 20000, 0.5),
    "ldh": _serum(("LDH",), "U/L", 260, 1400, 0.7),
    "cga": _serum(("chromogranin A",), "ng/mL", 200, 4000, 0.6),
    "alp": _serum(("alkaline phosphatase",), "U/L", 180, 900, 0.7),
    "calcitonin": _serum(("calcitonin",), "pg/mL", 100, 4000, 0.5),
    "b2m": _number("beta-2 microglobulin", "mg/L", 2, 12),
    "hrd": _stated(
        *(HRD_POSITIVE,) * 3,
        ("HRD positive", ("HRD positive", "HRD positive by tumor assay", "HRD positive on the tumor assay")),
    ),
    "mgmt": _stated(
        (
            "MGMT promoter methylation",
            (
                "MGMT promoter methylation present",
                "MGMT promoter methylation was detected",
                "MGMT promoter methylation",
            ),
        ),
        (
            "MGMT promoter methylation positive",
            (
                "MGMT promoter methylation positive",
                "positive for MGMT promoter methylation",
                "MGMT promoter methylation was positive",
            ),
        ),
        (
            "MGMT promoter methylated",
            ("MGMT promoter methylated", "MGMT promoter was methylated", "methylated MGMT promoter"),
        ),
        (
            "MGMT promoter unmethylated",
            ("MGMT promoter unmethylated", "MGMT promoter was unmethylated", "unmethylated MGMT promoter"),
        ),
    ),
    "ki67": _percent(
        "Ki-67", ("Ki-67 {v}", "Ki-67 index {v}", "Ki-67 of {v}", "Ki-67 proliferation index was {v}", "Ki67 {v}")
    ),
    "p16": _stated(
        (
            "p16 positive",
            ("p16 positive", "p16 positive by IHC", "p16+ by IHC", "strong p16 positivity", "p16-positive"),
        )
    ),
    "hpv": _stated(("HPV positive", ("HPV positive", "HPV-positive", "positive for high-risk HPV"))),
    "ebv": _positive("EBV"),
    "cldn": _positive("CLDN18.2"),
    "dll3": _stated(("DLL3 high", ("DLL3 high", "high DLL3 expression", "DLL3 expression was high"))),
    "mesothelin": _positive("mesothelin"),
    "dog1": _positive("DOG1"),
    "mcpyv": _positive("MCPyV"),
    "cd99": _positive("CD99"),
    "nyeso": _positive("NY-ESO-1"),
    "cd20": _positive("CD20"),
    "cd30": _positive("CD30"),
    "cd33": _positive("CD33"),
    "cd19": _positive("CD19"),
    "ar": _positive("AR"),
    "codel": _stated(("1p/19q codeletion", ("1p/19q codeletion", "1p/19q codeleted", "codeletion of 1p and 19q"))),
    "ighv": _stated(
        ("IGHV unmutated", ("IGHV unmutated", "unmutated IGHV")), ("IGHV mutated", ("IGHV mutated", "mutated IGHV"))
    ),
    "ck7": _stated(
        (
            "CK7 positive; CK20 negative",
            ("CK7 positive, CK20 negative", "CK7+/CK20-", "positive CK7 with negative CK20"),
        )
    ),
    "er": _stated(("ER positive; PR positive", ("ER positive, PR positive", "ER and PR positive"))),
    "her2": _stated(
        (
            "HER2 amplification",
            (
                "HER2 amplification by FISH",
                "HER2 IHC 3+ with FISH amplification",
                "HER2 amplified by FISH",
                "HER2 IHC 3+ / FISH positive",
            ),
        ),
        ("HER2 3+", ("HER2 IHC 3+", "HER2 3+ by IHC")),
        ("HER2 negative", ("HER2 negative", "HER2 IHC 1+ (negative)")),
    ),
}


def marker_fact(spec: str, rng: random.Random) -> Fact:
    """A biomarker by its specification, "?" for an invented one."""
    return invented_fact(rng) if spec == "?" else MARKERS[spec](rng)


def invented_fact(rng: random.Random) -> Fact:
    """A biomarker that does not exist, with a value."""
    name = invented_marker(rng)
    kind = rng.random()
    if kind < 0.3:
        return _positive(name)(rng)
    if kind < 0.55:
        return _percent(
            name, (f"{name} {{v}}", f"{name} {{v}} by IHC", f"{name} expression was {{v}}", f"{name} staining {{v}}")
        )(rng)
    if kind < 0.8:
        return _number(name, rng.choice(("ng/mL", "U/mL", "pg/mL", "U/L")), 5, 900)(rng)
    return _stated(
        (f"{name} high", (f"{name} high", f"high {name} expression", f"{name} was high")),
        (f"{name} elevated", (f"{name} elevated", f"elevated {name}", f"{name} was elevated")),
    )(rng)


HORMONE = {
    (True, True): (
        (
            30,
            "ER positive; PR positive",
            (
                "ER positive, PR positive",
                "ER positive and PR positive",
                "ER and PR positive",
                "ER-positive, PR-positive",
                "ER-positive and PR-positive",
                "hormone receptor positive (ER and PR positive)",
                "ER/PR positive",
                "ER strongly positive, PR positive",
                "positive for ER and PR",
            ),
        ),
        (20, "ER+; PR+", ("ER+/PR+", "ER+/PR+", "ER+, PR+", "ER+ PR+", "hormone receptor positive (ER+/PR+)")),
        (
            10,
            "ER positive; PR positive",
            (
                "ER {e}% positive, PR {p}% positive",
                "ER positive ({e}%), PR positive ({p}%)",
                "ER {e}%, PR {p}%",
                "ER {e}% and PR {p}%",
                "ER {e}%+, PR {p}%+",
            ),
        ),
    ),
    (True, False): (
        (
            30,
            "ER positive; PR negative",
            (
                "ER positive, PR negative",
                "ER positive and PR negative",
                "ER positive/PR negative",
                "ER-positive, PR-negative",
                "ER-positive/PR-negative",
                "ER+, PR-",
                "ER+/PR-",
                "ER {e}% positive, PR negative",
                "ER positive ({e}%), PR negative",
            ),
        ),
    ),
    (False, False): (
        (
            30,
            "ER negative; PR negative",
            (
                "ER negative, PR negative",
                "ER negative and PR negative",
                "ER and PR negative",
                "ER/PR negative",
                "ER/PR-negative",
                "hormone receptor negative (ER and PR negative)",
                "ER-/PR-",
                "negative for ER and PR",
                "ER/PR negative",
            ),
        ),
        (
            8,
            "ER-negative; PR-negative",
            ("ER-negative, PR-negative", "ER-negative and PR-negative", "ER-negative/PR-negative"),
        ),
    ),
}
HER2_POSITIVE = (
    "HER2 amplified by FISH",
    "HER2 amplified by FISH",
    "HER2 amplification by FISH",
    "HER2 amplification on FISH",
    "HER2 amplification",
    "HER2-amplified by FISH",
    "HER2 FISH amplified",
    "HER2 IHC 3+ with FISH-confirmed amplification",
    "HER2 IHC 3+ with amplification by FISH",
    "HER2 3+ and FISH amplified",
    "HER2 3+ with amplification on FISH",
    "HER2-positive (IHC 3+, FISH amplified)",
    "HER2-positive by FISH (HER2/CEP17 ratio {r})",
    "HER2 amplified on ISH",
    "HER2 amplification (ISH)",
    "HER2 amplified (FISH ratio {r})",
    "HER2 FISH positive for amplification",
    "HER2 IHC 3+ (FISH amplified)",
    "HER2 IHC 3+ / FISH amplified",
    "HER2 gene amplification by FISH",
    "HER2-amplified",
    "HER2 positive by FISH (amplified)",
    "HER2 2+ by IHC with FISH amplification",
    "HER2 amplified",
    "HER2 IHC 3+, in keeping with HER2 amplification",
)
HER2_THREE = ("HER2 3+ by IHC", "HER2 IHC 3+", "HER2 3+ (IHC)", "HER2 3+")
HER2_NEGATIVE = (
    "HER2 negative",
    "HER2 negative",
    "HER2-negative",
    "HER2 IHC 1+ (negative)",
    "HER2 IHC 0",
    "HER2 not amplified",
    "HER2 negative by FISH",
    "HER2 negative (IHC 1+)",
)


def breast_facts(rng: random.Random) -> tuple[str, list[str]]:
    """Receptors of a breast cancer: the label, and the phrases in the order of the note."""
    numbers = {
        "e": str(rng.choice((15, 20, 40, 60, 70, 75, 80, 85, 90, 95))),
        "p": str(rng.choice((5, 10, 15, 20, 30, 40, 50, 60))),
        "r": f"{rng.randint(22, 90) / 10}",
    }
    if chance(0.02, rng):
        return "ER negative; PR negative; HER2 negative", [
            rng.choice(
                (
                    "triple-negative (ER/PR/HER2 negative)",
                    "triple-negative disease",
                    "ER, PR and HER2 negative",
                    "ER negative, PR negative, HER2 negative",
                )
            )
        ]
    status = weighted(((50, (True, True)), (26, (True, False)), (30, (False, False))), rng)
    _, label, texts = weighted([(row[0], row) for row in HORMONE[status]], rng)
    hormone = expand(rng.choice(texts), numbers, rng)
    if chance(0.86, rng) or status == (False, False):
        three = chance(0.06, rng)
        her2 = expand(rng.choice(HER2_THREE if three else HER2_POSITIVE), numbers, rng)
        name = "HER2 3+" if three else "HER2 amplification"
        if chance(0.04, rng):
            return name, [her2]
        return f"{name}; {label}", [hormone, her2] if chance(0.85, rng) else [her2, hormone]
    return f"{label}; HER2 negative", [hormone, rng.choice(HER2_NEGATIVE)]
