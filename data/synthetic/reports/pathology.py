"""Surgical pathology reports: specimen, diagnosis, gross and microscopic description; the operation is the treatment."""

from __future__ import annotations

import random

from data.synthetic.grammar import chance, choose, expand
from data.synthetic.reports import findings
from data.synthetic.reports.grids import tabulate_stains
from data.synthetic.reports.story import Story, new_story

GROSS = (
    'Received [fresh|in formalin] in one container, labelled ["{at}"|"A"] with name and number; the specimen measures {cm} x {cm2} x {d}.0 cm.',
    "[Sectioning|The cut surface] reveals a [tan-white|gray|yellow|hemorrhagic|firm] [mass|lesion|nodule] measuring {cm} x {cm2} cm[, {d} mm from the closest margin|].",
    "Representative sections are submitted in {d} cassettes.",
    "The specimen is inked [blue|black|green] and serially sectioned.",
    "The remaining [parenchyma|tissue|mucosa] is grossly unremarkable.",
    "{nodes} possible lymph nodes are identified in the attached fat.",
)
MICRO = (
    "Sections show [sheets|nests|cords|glands] of atypical cells with [hyperchromatic|pleomorphic|vesicular] nuclei and [scant|abundant eosinophilic] cytoplasm.",
    "[Mitotic figures are frequent|Mitoses number {d} per 10 high power fields|Necrosis is present|No necrosis is seen].",
    "Lymphovascular invasion: [present|absent|not identified].",
    "Perineural invasion: [not identified|present].",
    "[Surgical margins are free of tumor|Margins: negative|Margins: uninvolved, closest {d} mm|The margin is focally involved].",
    "Tumor size: {cm} x {cm2} cm.",
    "Histologic grade: G[1|2|3].",
    "The adjacent tissue shows [chronic inflammation|no specific abnormality|fibrosis|low-grade dysplasia].",
)
CHORES = (
    "Clinical history: {sy}.",
    "Intraoperative consultation: frozen section performed, margin negative.",
    "The attending pathologist has reviewed all slides.",
    "Specimen(s) received: see below.",
    "Prior malignancy history: no.",
    "Electronically signed.",
    "Date of procedure: {month} {year}.",
    "Distant metastasis: not applicable.",
    "Special stains: see comment.",
)


def write_pathology(rng: random.Random) -> tuple[Story, str]:
    """A story told by a pathologist, and the report."""
    story = new_story(rng)
    while not story.tumour.op and rng.random() < 0.9:
        story = new_story(rng)
    title, slots = str(story.slots["label"]), story.slots
    op = rng.choice(story.tumour.op) if story.tumour.op and chance(0.85, rng) else None
    story.record["cancer_type"] = title
    lines = [
        f"{str(slots['at']).upper()}, {(op or 'biopsy').upper()}:",
        f"- {str(slots['name'])[:1].upper()}{str(slots['name'])[1:]}.",
    ]
    story.record["treatment"] = op
    solid = story.tumour.kind == "solid"
    nodes = choose(((4, "none"), (3, "negative"), (3, "positive")), rng) if solid and op else "none"
    total = rng.randint(2, 34)
    if nodes == "negative":
        lines.append(
            rng.choice(
                (f"- {total} lymph nodes, negative for tumor (0/{total}).", f"- No tumor in {total} lymph nodes.")
            )
        )
    elif nodes == "positive":
        hit = rng.randint(1, total)
        lines.append(f"- Metastatic carcinoma in {hit} of {total} lymph nodes ({hit}/{total}).")
        story.record["metastasis_site"] = "lymph nodes"
    if solid and op and chance(0.55, rng):
        t, n = rng.choice(("1", "1b", "2", "2a", "3", "3a", "4")), "1" if nodes == "positive" else "0"
        n = n if nodes != "none" else rng.choice("X0")
        written = rng.choice((f"pT{t}N{n}", f"pT{t}, N{n}", f"pT{t} pN{n}", f"pT{t}N{n} MX"))
        label = f"pT{t}N{n}MX" if "MX" in written else f"pT{t}N{n}"
        lines.append(rng.choice((f"AJCC stage: {written}.", f"Pathologic stage: {written}", f"TNM: {written}")))
        story.record["stage"] = label
    findings.tell_markers(story)
    if story.stains and chance(0.4, rng):
        tabulate_stains(story)
    findings.tell_genes(story)
    lines += [sentence for block in ("ihc", "gene", "labs") for sentence in story.blocks.get(block, [])]
    blocks = [
        ("FINAL DIAGNOSIS", lines),
        ("GROSS DESCRIPTION", _pick_some(story, GROSS)),
        ("MICROSCOPIC DESCRIPTION", _pick_some(story, MICRO)),
    ]
    blocks.append(("CLINICAL INFORMATION", _pick_some(story, CHORES)))
    if chance(0.4, rng):
        blocks = [blocks[3], blocks[1], blocks[2], blocks[0]]
    blocks = [block for at, block in enumerate(blocks) if block[1] is lines or chance(0.75, rng)]
    return story, "\n".join(f"{title}:\n" + "\n".join(body) for title, body in blocks)


def _pick_some(story: Story, options: tuple[str, ...]) -> list[str]:
    rng = story.rng
    chosen = rng.sample(options, rng.randint(2, len(options)))
    story.say("bare")  # draws fresh numbers
    return [expand(text, story.slots, rng) for text in chosen]
