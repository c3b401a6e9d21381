"""The engine of a model behind a server: what it asks, what it makes of the answer, and what it says without one."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest

from app.core.settings import load_settings
from app.worker.engines import load_engine
from data.prompt import BEGIN_OF_TEXT, END_OF_TURN, load_prompt
from data.storage.files import save_json
from data.suggestion import Suggestion
from data.task import Extraction
from data.vocabulary.house_words import HOUSE_WORDS, HouseWords
from db.training.adapters import AdapterRow
from tests.kit.desk.servers import TASK, cut, fails, faulty, says, send, sends, slow
from tests.kit.tiny import shared_tiny, tiny_rows
from trainer.engine.api import EngineError, EngineUnavailableError, Request
from trainer.engine.remote.client import MAX_VALUE_CHARACTERS, Server
from trainer.engine.remote.engine import ServedEngine
from trainer.engine.remote.replies import Reply, read_chat, read_completion, read_confidence, read_record
from trainer.engine.suggestion import Answer, hold_to_words

PROMPT = load_prompt(TASK)
SECRET = "a-key-that-nobody-sees"
NOTE = "Mrs Confidential, with melanoma."
RECORD = json.dumps(Extraction.empty(TASK).as_dict())


@pytest.fixture
def server():
    with faulty() as running:
        yield running


def engine_of(server, **settings):
    settings = {"model": "served", "n_retries": 1, "timeout_s": 20.0, "n_slots": 4, **settings}
    return ServedEngine(TASK, Server(server.url, **settings), adapter="far", prompt_version=1)


def asked(server, *, probes=False):
    return [body for body in server.bodies if probes or body["max_tokens"] != 1]


def test_a_suggestion_bears_what_was_asked_and_answered(server):
    suggestion = engine_of(server).suggest_one(NOTE)
    assert suggestion.extraction == Extraction.empty(TASK)
    assert (suggestion.adapter, suggestion.prompt_version, suggestion.raw_reply) == ("far", 1, RECORD)
    assert suggestion.confidence == {}, "none rather than an invented one"
    (body,) = asked(server)
    assert body["prompt"] == PROMPT.render(NOTE)
    assert (body["temperature"], body["model"], body["stop"]) == (0, "served", [END_OF_TURN])
    assert body["add_special_tokens"] is False
    assert body["logprobs"] == 1
    schema = body["response_format"]["json_schema"]["schema"]
    assert tuple(schema["properties"]) == tuple(schema["required"]) == TASK.keys
    assert {json.dumps(value) for value in schema["properties"].values()} == {
        json.dumps({"type": ["string", "null"], "maxLength": MAX_VALUE_CHARACTERS})
    }, "a value that never ends would cut the record off"


def test_a_value_that_the_server_invented_is_offered_beside_an_empty_field(server):
    values = {**dict.fromkeys(TASK.keys), "cancer_type": "melanoma", "treatment": "yaritovociclib", "stage": "IV"}
    reply = json.dumps(values)
    server.fault = says(reply)
    suggestion = engine_of(server).suggest_one(NOTE)
    assert suggestion.extraction.as_dict() == {**values, "treatment": None}
    assert suggestion.alternatives == {"treatment": ("yaritovociclib",)}
    assert suggestion.raw_reply == reply, "as the model wrote it"


def test_an_invented_value_takes_its_probability_with_it():
    values = {**dict.fromkeys(TASK.keys), "treatment": "yaritovociclib", "stage": "IV"}
    answer = Answer(values, dict.fromkeys(TASK.keys, 0.97), "", {"treatment": ("surgery",)}, 5)
    held = hold_to_words(TASK, NOTE, answer)
    assert (held.values["treatment"], held.values["stage"]) == (None, "IV")
    assert (held.raw_confidence["treatment"], held.raw_confidence["stage"]) == (0.0, 0.97)
    assert held.alternatives == {"treatment": ("yaritovociclib", "surgery")}
    assert hold_to_words(TASK, NOTE + " Given yaritovociclib.", answer) == answer
    house = HouseWords({"treatment": ("yaritovociclib",)})
    assert hold_to_words(TASK, NOTE, answer, house.known) == answer


def test_an_adapter_on_a_server_may_write_the_words_of_its_house(server, tmp_path):
    settings = load_settings({"CASELOOP_ENGINE": "openai", "CASELOOP_BASE_URL": server.url, "CASELOOP_MODEL": "served"})
    save_json(tmp_path / HOUSE_WORDS, HouseWords({"cancer_type": ("mamma-qx",)}).to_json())
    server.fault = says(json.dumps({**dict.fromkeys(TASK.keys), "cancer_type": "mamma-qx", "stage": "mamma-qx"}))
    engine = load_engine(settings, AdapterRow("mine", str(tmp_path), "", None, 1, ""), TASK)
    found = engine.suggest_one(NOTE)
    assert (found.extraction["cancer_type"], found.extraction["stage"]) == ("mamma-qx", None)


def test_requests_that_try_a_server_out_hold_no_note(server):
    engine_of(server).suggest_one(NOTE)
    probes = [body for body in server.bodies if body["max_tokens"] == 1]
    assert probes
    assert "Confidential" not in json.dumps(probes)


@pytest.mark.parametrize("refused", ["response_format", "logprobs", "add_special_tokens"])
def test_what_a_server_refuses_is_left_out_and_remembered(server, refused):
    server.refused = frozenset({refused})
    engine = engine_of(server)
    assert [type(one) for one in engine.attempt([NOTE] * 3)] == [Suggestion] * 3
    rest = {"response_format", "logprobs", "add_special_tokens"} - {refused}
    assert all(rest <= body.keys() and refused not in body for body in asked(server))
    assert len(server.bodies) - len(asked(server)) <= 5


def test_a_server_that_knows_no_lengths_is_given_the_rest_of_the_schema(server):
    server.refused = frozenset({"maxLength"})
    engine_of(server).suggest_one(NOTE)
    (body,) = asked(server)
    assert "maxLength" not in json.dumps(body)
    assert tuple(body["response_format"]["json_schema"]["schema"]["properties"]) == TASK.keys


def test_a_model_without_the_special_tokens_reads_the_prompt_as_it_stands_there_too(server):
    """As in this process: a chat would put another template around it than the adapter was trained with."""
    server.per_word, server.chat = 5, 15
    engine_of(server, is_exact=True).suggest_one(NOTE)
    (body,) = asked(server)
    assert body["prompt"] == PROMPT.render(NOTE)
    assert body["add_special_tokens"] is False


def its_template(server):
    """A server that takes prompts, and writes a template around each."""
    server.per_word, server.around, server.chat = 5, 12, 15


def only_chats(server):
    """A server that takes chats only, and does not count what its template adds."""
    server.is_chat_only = True


@pytest.mark.parametrize("kind", [its_template, only_chats])
def test_a_prompt_in_another_template_is_refused_where_an_adapter_was_trained_with_ours(server, kind):
    kind(server)
    with pytest.raises(
        EngineUnavailableError, match=r"wraps its own chat template around the prompt that .* was trained with"
    ):
        engine_of(server, is_exact=True).suggest_one(NOTE)
    assert not asked(server), "no note was sent"
    assert engine_of(server).suggest_one(NOTE), "a model that nothing is known of may be asked in a chat"
    assert "messages" in asked(server)[0]


def test_an_adapter_of_the_desk_is_one_that_was_trained_with_ours(server):
    server.is_chat_only = True
    settings = load_settings({"CASELOOP_ENGINE": "openai", "CASELOOP_BASE_URL": server.url, "CASELOOP_MODEL": "served"})
    mine, only_a_name = (AdapterRow("mine", path, "", None, 1, "") for path in ("./adapters/mine", ""))
    with pytest.raises(EngineUnavailableError, match="its own chat template"):
        load_engine(settings, mine, TASK).suggest_one(NOTE)
    assert load_engine(settings, only_a_name, TASK).suggest_one(NOTE)


@pytest.mark.parametrize("is_chat_only", [True, False])
def test_a_chat_is_good_enough_where_its_template_is_the_one_of_the_prompt(server, is_chat_only):
    server.is_chat_only, server.per_word, server.chat = is_chat_only, 5, 17
    engine_of(server, is_exact=True).suggest_one(NOTE)
    assert "messages" in asked(server)[0]


def test_a_server_that_adds_a_token_by_itself_gets_one_less(server):
    server.adds_begin = True
    server.refused = frozenset({"add_special_tokens"})
    engine_of(server).suggest_one(NOTE)
    assert asked(server)[0]["prompt"].count(BEGIN_OF_TEXT) == 1


def test_a_server_that_takes_only_chats_is_asked_in_one(server):
    server.is_chat_only = True
    engine_of(server).suggest_one(NOTE)
    (body,) = asked(server)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][1]["content"].endswith(f"Text: {NOTE}")
    assert "add_special_tokens" not in body


def test_the_key_is_sent_and_never_shown(server, caplog):
    caplog.set_level("DEBUG")
    key = Server(server.url, "served", api_key=SECRET)
    assert SECRET not in repr(key)
    engine = engine_of(server, api_key=SECRET)
    engine.suggest_one(NOTE)
    assert server.headers[-1]["authorization"] == f"Bearer {SECRET}"
    server.fault = fails(401)
    with pytest.raises(EngineUnavailableError, match="CASELOOP_API_KEY") as raised:
        engine.suggest_one(NOTE)
    assert SECRET not in str(raised.value)
    assert SECRET not in caplog.text


def test_no_more_notes_are_under_way_than_there_are_slots(server):
    server.fault = slow(0.05)
    assert len(list(engine_of(server, n_slots=3).attempt([NOTE] * 12))) == 12
    assert server.most_at_once == 3


def test_an_urgent_note_does_not_wait_for_a_slot(server):
    server.fault = slow(1.0)
    calls = []

    def source(n_free):
        calls.append(n_free)
        if len(calls) == 1:
            return [Request(number, f"Report {number}.") for number in range(n_free)]
        return [Request("urgent", "Urgent.", is_urgent=True)] if len(calls) == 2 else []

    outcomes = dict(engine_of(server, n_slots=2).serve(source))
    assert outcomes.keys() == {0, 1, "urgent"}
    assert calls[:2] == [2, 0]
    assert server.most_at_once == 3


def test_outcomes_of_attempt_come_in_the_order_of_the_texts(server):
    def fault(handler, body):
        if "first" in body["prompt"]:
            slow(0.5)(handler, body)
        return False

    server.fault = fault
    texts = ["The first.", *(f"Report {number}." for number in range(6)), "A <|eot_id|> in a note.", "half \ud83d"]
    outcomes = list(engine_of(server, n_slots=3).attempt(texts))
    assert [type(one) for one in outcomes] == [Suggestion] * 7 + [EngineError] * 2
    assert "special token" in str(outcomes[7])


# What a server may do to one note, and the sentence that the note is marked with.
OF_ONE_NOTE = {
    "an error": (fails(500), "answered with error 500"),
    "a refusal": (fails(400), "too long"),
    "garbage": (says("Certainly! Here is the JSON you asked for."), "found something else"),
    "a truncated record": (says(RECORD[:40], "length"), "cut off, which is not the note's fault"),
    "wrong keys": (says('{"tumour": "melanoma"}'), "Expected exactly the fields"),
    "a list": (says("[1, 2]"), "found list"),
    "a number": (says(RECORD.replace("null", "7", 1)), "Expected a string or null"),
    "nothing": (says(""), "found something else"),
    "a deep nest": (says("[" * 100_000), "found something else"),
    "broken JSON": (sends(b'{"choices": ['), "OpenAI-compatible"),
    "another JSON": (sends(b'{"hello": 1}'), "OpenAI-compatible"),
    "no choices": (sends(b'{"choices": []}'), "OpenAI-compatible"),
    "a web page": (sends(b"<html>hello</html>", "text/html"), "OpenAI-compatible"),
    "no text": (sends(b'{"choices": [{"index": 0}]}'), "Expected text"),
    "a cut connection": (cut, "Cannot connect"),
    "a redirection": (fails(307, location="http://127.0.0.1:9/elsewhere"), "error 307"),
}


@pytest.mark.parametrize("kind", OF_ONE_NOTE)
def test_a_note_that_alone_goes_wrong_is_marked_with_the_reason(server, kind):
    fault, reason = OF_ONE_NOTE[kind]
    server.fault = lambda handler, body: "Confidential" in str(body["prompt"]) and fault(handler, body)
    outcomes = list(engine_of(server).attempt(["Before.", NOTE, "After."]))
    assert [type(one) for one in outcomes] == [Suggestion, EngineError, Suggestion]
    assert reason in str(outcomes[1])
    assert "Confidential" not in str(outcomes[1])
    assert "tumour" in str(outcomes[1]) or "melanoma" not in str(outcomes[1])


@pytest.mark.parametrize("kind", OF_ONE_NOTE)
def test_a_server_that_always_goes_wrong_blames_no_note(server, kind):
    fault, reason = OF_ONE_NOTE[kind]
    server.fault = fault
    with pytest.raises(EngineUnavailableError, match=reason):
        list(engine_of(server).attempt([NOTE] * 6))
    server.fault = lambda handler, body: False
    assert engine_of(server).suggest_one(NOTE)


def test_a_server_that_comes_back_is_asked_again_by_the_same_engine(server):
    engine = engine_of(server)
    engine.suggest_one(NOTE)
    server.stop()
    with pytest.raises(EngineUnavailableError, match="Cannot connect"):
        engine.suggest_one(NOTE)
    server.start()
    server.refused = frozenset({"logprobs"})  # it may have become another
    assert engine.suggest_one(NOTE)


def test_an_answer_that_takes_too_long_is_given_up(server):
    server.fault = slow(3)
    with pytest.raises(EngineUnavailableError, match=r"within 1 s.*CASELOOP_TIMEOUT"):
        engine_of(server, timeout_s=1.0, n_retries=0).suggest_one(NOTE)


def test_a_passing_error_is_asked_through_with_the_pause_that_the_server_wants(server):
    seen = []

    def fault(handler, body):
        seen.append(body)
        return len(seen) == 1 and send(handler, {"error": {"message": "busy"}}, 429, retry_after="1")

    server.fault = fault
    assert engine_of(server).suggest_one(NOTE)
    assert len(seen) == 2


def test_a_model_must_be_offered_where_the_user_did_not_name_it(server):
    with pytest.raises(EngineUnavailableError, match=r"model 'other'; it offers: served.*--model"):
        engine_of(server, model="other", is_listed=True).suggest_one(NOTE)
    assert engine_of(server, model="served", is_listed=True).suggest_one(NOTE)


def test_a_proxy_is_not_told_of_what_stays_on_this_machine(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert engine_of(server).suggest_one(NOTE)


def test_what_the_source_raises_ends_the_work(server):
    server.fault = slow(5)

    def source(n_free, calls=[]):  # noqa: B006 - counts
        calls.append(n_free)
        if len(calls) > 2:
            raise KeyError("enough")
        return [Request(1, NOTE)] if len(calls) == 1 else []

    with pytest.raises(KeyError):
        list(engine_of(server).serve(source))


def completion(text, tokens, numbers, finish="stop"):
    logprobs = SimpleNamespace(tokens=tokens, token_logprobs=numbers)
    return read_completion(SimpleNamespace(text=text, logprobs=logprobs, finish_reason=finish))


def tokens_with_probabilities(engine, model, text, reply):
    """What the model gives for each token of its own reply: the text of the token, and the logarithm."""
    import torch

    tokenizer = engine.loaded.tokenizer
    prompt = tokenizer(PROMPT.render(text), add_special_tokens=False)["input_ids"]
    answer = tokenizer(reply, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].float()
    numbers = logits.log_softmax(-1).gather(1, torch.tensor(answer)[:, None])[:, 0].tolist()
    return [tokenizer.decode([token]) for token in answer], numbers


def test_confidence_is_the_one_that_the_model_has_in_this_process():
    from trainer.engine import Engine
    from trainer.model.loading import load_model

    loaded = load_model(shared_tiny().base, None, device="cpu")
    engine = Engine(loaded, TASK)
    n_compared = 0
    for row in tiny_rows(12, start=300):
        suggestion = engine.suggest_one(row.text)
        pieces, numbers = tokens_with_probabilities(engine, loaded.model, row.text, suggestion.raw_reply)
        if "".join(pieces) != suggestion.raw_reply:
            continue  # a character in two tokens: plain text cannot say where it is
        confidence = read_confidence(TASK, completion(suggestion.raw_reply, pieces, numbers))
        assert confidence == pytest.approx(dict(suggestion.raw_confidence), rel=1e-3, abs=1e-6)
        n_compared += 1
    assert n_compared >= 8


def test_tokens_that_split_a_character_are_read_where_they_come_as_bytes():
    values = dict(Extraction.empty(TASK), **{TASK.keys[0]: "naïve µ"})
    text = json.dumps(values, ensure_ascii=False)
    content = [SimpleNamespace(token="�", bytes=[byte], logprob=-0.01) for byte in text.encode()]
    choice = SimpleNamespace(
        message=SimpleNamespace(content=text), logprobs=SimpleNamespace(content=content), finish_reason="stop"
    )
    confidence = read_confidence(TASK, read_chat(choice))
    assert confidence[TASK.keys[0]] == pytest.approx(math.exp(-0.01 * len('"naïve µ"'.encode())))
    assert confidence[TASK.keys[1]] == pytest.approx(math.exp(-0.01 * 4))


@pytest.mark.parametrize(
    ("tokens", "numbers"),
    [([], []), (["{", "�"], [-0.1, -0.2]), (None, None), ([RECORD[:50]], [-0.1]), ([RECORD], [None])],
)
def test_tokens_that_do_not_add_up_give_no_confidence(tokens, numbers):
    assert read_confidence(TASK, completion(RECORD, tokens, numbers)) == {}


def test_only_what_stands_at_the_beginning_is_the_record():
    extraction, written = read_record(PROMPT, Reply(f" {RECORD}{END_OF_TURN}\nand more {{"))
    assert (extraction, written) == (Extraction.empty(TASK), RECORD)
    with pytest.raises(EngineError):
        read_record(PROMPT, Reply(f"Sure: {RECORD}"))
