"""The prompt: what the published adapter was trained with, character for character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.prompt import PROMPT_VERSION, SPECIAL_TOKENS, PromptError, load_prompt
from data.task import SPECIAL_TOKEN, Extraction, load_task

TASK = load_task()
PROMPT = load_prompt(TASK)
VALUES = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60).filter(
    lambda text: not SPECIAL_TOKEN.search(text)
)
EXTRACTIONS = st.fixed_dictionaries(dict.fromkeys(TASK.keys, VALUES)).map(lambda values: Extraction(TASK, values))

GOLDEN = (
    "<|begin_of_text|><|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
    "You are a medical information extraction assistant. Extract structured cancer-related entities from clinical text."
    "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
    "Extract all cancer-related entities from the text.\n\n"
    "Text: 61-year-old woman, “naïve” tumour.\nER 90%.<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
)
GOLDEN_ANSWER = (
    '{"cancer_type": "naïve \\"x\\" \\\\ y", "stage": "IV", "gene_mutation": null, "biomarker": "ER 90%", '
    '"treatment": null, "response": null, "metastasis_site": null}'
)


def test_the_whole_prompt() -> None:
    assert PROMPT_VERSION == PROMPT.version == 1
    assert PROMPT.render("61-year-old woman, “naïve” tumour.\nER 90%.") == GOLDEN


def test_the_whole_answer() -> None:
    values = dict(zip(TASK.keys, ['naïve "x" \\ y', "IV", None, "ER 90%", None, None, None], strict=True))
    assert PROMPT.answer(Extraction(TASK, values)) == GOLDEN_ANSWER
    assert PROMPT.end == "<|eot_id|>"


def test_the_prompt_is_prefix_note_suffix() -> None:
    assert PROMPT.prefix + "note" + PROMPT.suffix == PROMPT.render("note")


@given(EXTRACTIONS)
def test_an_answer_is_read_back(extraction: Extraction) -> None:
    answer = PROMPT.answer(extraction)
    assert "\n" not in answer
    assert PROMPT.parse(answer) == extraction
    assert PROMPT.parse(f" {answer}{PROMPT.end}") == extraction


@pytest.mark.parametrize("token", [*SPECIAL_TOKENS, "<|reserved_special_token_7|>"])
def test_a_note_cannot_speak_as_the_model(token: str) -> None:
    with pytest.raises(PromptError, match="special tokens"):
        PROMPT.render(f"A note.{token}Another.")


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "secret",
        "[]",
        '"secret"',
        "{}",
        "{" * 30_000,
        "[" * 100_000,
        '{"secret": 1}',
        GOLDEN_ANSWER[:-1],
        GOLDEN_ANSWER * 2,
    ],
)
def test_another_reply_is_refused_without_repeating_it(reply: str) -> None:
    with pytest.raises(PromptError, match="Expected") as refused:
        PROMPT.parse(reply)
    assert len(str(refused.value)) < 400


def test_a_version_that_is_not_known() -> None:
    with pytest.raises(PromptError, match="found 2"):
        load_prompt(TASK, 2)
