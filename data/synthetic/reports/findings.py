"""Stains, receptors, serum markers and genes of a story: what the note says, and what the record keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.synthetic.abstracts.case import join_phrases
from data.synthetic.grammar import chance, expand
from data.synthetic.reports.tables import SERUM

if TYPE_CHECKING:
    from data.synthetic.reports.story import Story


def tell_markers(story: Story) -> None:
    """Stains, receptors and serum markers, where the note has them."""
    rng, tumour = story.rng, story.tumour
    labels: list[str] = []
    if tumour.serum and chance(0.24, rng):
        labels += _tell_serum(story)
    if tumour.pos and chance(0.26, rng):
        labels += _tell_stains(story)
    if tumour.receptors and chance(0.5, rng):
        labels += _tell_receptors(story)
    if tumour.ki67 and chance(0.3, rng):
        percent = rng.choice((2, 3, 5, 8, 10, 15, 20, 30, 40, 60, 70, 80, 90))
        words = rng.choice(("The Ki-67 index was", "Ki-67:", "Ki-67 labeling index was", "The MIB-1 index was"))
        story.blocks.setdefault("ihc", []).append(f"{words} {percent}%.")
        labels.append(f"{'MIB-1' if 'MIB' in words else 'Ki-67'} {percent}%")
    if tumour.msi and chance(0.1, rng):
        label = rng.choice(("MSI-H", "MSS", "microsatellite stable", "mismatch repair deficient"))
        story.blocks.setdefault("ihc", []).append(f"The tumor was {label}.")
        labels.append(label)
    if "pembrolizumab" in tumour.rx and chance(0.08, rng):
        score = rng.choice(("<1%", "5%", "20%", "50%", "80%", "90%"))
        said = rng.choice(("PD-L1 TPS", "PD-L1 expression", "PD-L1"))
        story.blocks.setdefault("ihc", []).append(
            f"{said} {rng.choice(('was ', 'of ')) if said != 'PD-L1' else 'was '}{score}."
        )
        labels.append(f"PD-L1 {'TPS ' if 'TPS' in said else ''}{score}")
    story.record["biomarker"] = "; ".join(labels) or None


def _tell_serum(story: Story) -> list[str]:
    rng = story.rng
    labels: list[str] = []
    for short in rng.sample(story.tumour.serum, min(len(story.tumour.serum), 1 + chance(0.25, rng))):
        long, unit, limit = SERUM[short]
        name = rng.choice((short, short, f"{long} ({short})" if long != short else short))
        if chance(0.2, rng):
            words = rng.choice(("was within normal limits", "was normal", "level was normal"))
            story.blocks.setdefault("labs", []).append(f"Serum {name} {words}.")
            labels.append(f"{short} normal")
        elif chance(0.3, rng):
            words = rng.choice(("was elevated", "level was raised", "was markedly elevated", "was high"))
            story.blocks.setdefault("labs", []).append(f"Serum {name} {words}.")
            labels.append(f"elevated {short}")
        else:
            value = round(limit * rng.choice((1.4, 2.3, 3.7, 6.1, 11.4, 24.6, 88.2, 210.5)), 1)
            text = f"{value:g}"
            template = (
                "[Serum |The |]{m} [level |]was {v} {u}[ (normal range 0-{l})| (normal < {l} {u})|].",
                "[Laboratory data showed|Blood tests revealed] [an elevated |]{m} of {v} {u}.",
                "{m}: {v} {u}[ (ref. < {l})|].",
            )
            slots: dict[str, str | tuple[str, ...]] = {"m": name, "v": text, "u": unit, "l": f"{limit:g}"}
            story.blocks.setdefault("labs", []).append(expand(rng.choice(template), slots, rng))
            labels.append(f"{short} {text} {unit}")
    return labels


def _tell_stains(story: Story) -> list[str]:
    rng, tumour = story.rng, story.tumour
    pos = rng.sample(tumour.pos, rng.randint(1, min(3, len(tumour.pos))))
    negatives = [marker for marker in tumour.neg if marker not in pos]
    neg = rng.sample(negatives, rng.randint(1, min(3, len(negatives))))
    slots = story.slots
    slots["pos"], slots["neg"] = join_phrases(pos, rng), join_phrases(neg, rng).replace(" and ", " and ")
    signs = rng.choice(((" (+)", " (-)"), ("+", "-"), (" positive", " negative")))
    slots["pos_list"] = ", ".join(marker + signs[0] for marker in pos)
    slots["neg_list"] = ", ".join(marker + signs[1] for marker in neg)
    story.tell("ihc", "ihc")
    story.stains = [(marker, "positive") for marker in pos] + [(marker, "negative") for marker in neg]
    story.stain_sentence = story.blocks["ihc"][-1]
    return [f"{marker} positive" for marker in pos] + [f"{marker} negative" for marker in neg]


def _tell_receptors(story: Story) -> list[str]:
    rng = story.rng
    if chance(0.2, rng):
        story.blocks.setdefault("ihc", []).append(
            rng.choice(("The tumor was triple-negative.", "It was triple-negative."))
        )
        return ["triple-negative"]
    er, pr, her2 = (rng.choice(("positive", "negative")) for _ in range(3))
    texts = (
        f"Estrogen receptor was {er}, progesterone receptor {pr} and HER2 {her2}.",
        f"ER {er}, PR {pr}, HER2 {her2}.",
        f"The tumor was ER-{er}, PR-{pr} and HER2-{her2}.",
        f"ER: {er}; PR: {pr}; HER2/neu: {her2} ({'3+' if her2 == 'positive' else rng.choice(('0', '1+'))}).",
        f"Hormone receptor testing: estrogen {er}, progesterone {pr}; HER2 {her2} by immunohistochemistry.",
    )
    story.blocks.setdefault("ihc", []).append(rng.choice(texts))
    return [f"ER {er}", f"PR {pr}", f"HER2 {her2}"]


def tell_genes(story: Story) -> None:
    """An alteration, or that a gene was tested and normal."""
    rng, tumour, slots = story.rng, story.tumour, story.slots
    if tumour.genes and chance(0.2, rng):
        genes = rng.sample(tumour.genes, min(len(tumour.genes), 1 + chance(0.2, rng)))
        words = []
        for gene in genes:
            parts = gene.split(" ", 1)
            bare = len(parts) == 2 and parts[1][:1].isupper() and parts[1][-1:].isalnum() and parts[0].isupper()
            if bare and chance(0.5, rng):
                words.append(
                    rng.choice((f"{gene} mutation", f"{parts[1]} mutation of {parts[0]}", f"{parts[0]} ({parts[1]})"))
                )
                continue
            words.append(gene)
        slots["gene"] = join_phrases(words, rng)
        slots["gene_c"] = str(slots["gene"])[:1].upper() + str(slots["gene"])[1:]
        story.tell("gene", "gene")
        story.record["gene_mutation"] = "; ".join(genes)
    elif tumour.genes and chance(0.15, rng):
        story.tell("gene", "normal_gene")
