"""Asking a model behind a server: any with an OpenAI-compatible interface, through the official client.

What a server takes beyond the plainest request is found out once, with requests that hold no note; what it refuses is
left out from then on.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import openai

from data.prompt import BEGIN_OF_TEXT, Prompt, PromptError
from data.task import Task
from trainer.engine.api import MAX_VALUE_TOKENS, EngineError
from trainer.engine.remote.replies import Reply, read_chat, read_completion

MAX_VALUE_CHARACTERS = 4 * MAX_VALUE_TOKENS
"""How long a value may be where the server holds to a schema: about what this process lets its own model write."""
MAX_FIELD_TOKENS = 128
"""Room for a field's key and value; a value of that many characters fits, but in scripts of many tokens a character."""
CONNECT_S = 10.0
PAUSES_S = 30.0
"""What the client's pauses between its tries may take together, even where the server asks for longer ones."""
PROBE = "Report without findings."
_REFUSED = (400, 404, 405, 422, 501)
_SHORTEST_CHAT = [{"role": "system", "content": "x"}, {"role": "user", "content": "x"}]
_ITS_TOKENS = 17
"""What Llama 3's own template makes of it: begin-of-text, two words, two ends of turn, and for each of three roles its
name, two marks and a gap. That is the prompt that adapters are trained with, but for a second begin-of-text."""


@dataclass(frozen=True)
class Server:
    """A server and how it is to be asked.

    Attributes:
        base_url: where its interface begins, for example `http://127.0.0.1:8000/v1`.
        model: what it calls the model.
        api_key: its key, empty for none; part of no representation.
        n_slots: notes that it is asked at the same time.
        timeout_s: what an answer may take.
        n_retries: how often the client asks again, with growing pauses, before it gives up.
        is_exact: whether the model has to read the very prompt that an adapter was trained with, rather than the same
            words in a chat template of the server's choice.
        is_listed: whether the model must be among those that the server says it offers. A server with one model may
            answer whatever name it is asked for, and its values must not bear the name of another.
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    n_slots: int = 16
    timeout_s: float = 120.0
    n_retries: int = 3
    is_listed: bool = False
    is_exact: bool = False


@dataclass(frozen=True)
class Form:
    """How a server takes a prompt.

    Attributes:
        is_chat: it takes chats only, or writes more around a prompt than stands in it.
        adds_begin: it puts a begin-of-text token in front by itself.
        options: what it takes beside the plainest request: `tokens`, special ones as they stand in the prompt;
            `schema`, one for the answer; `lengths`, limits of the values in it; `logprobs`, probabilities with it.
    """

    is_chat: bool = False
    adds_begin: bool = False
    options: frozenset[str] = frozenset()


def record_schema(task: Task, *, has_lengths: bool = True) -> dict[str, Any]:
    """The JSON schema of a record: every field in order, each a string or null, and nothing else.

    Args:
        task: whose fields.
        has_lengths: whether it says how long a value may be: without that a model can run on in one of them.
    """
    value: dict[str, Any] = {"type": ["string", "null"]}
    if has_lengths:
        value["maxLength"] = MAX_VALUE_CHARACTERS
    return {
        "type": "object",
        "properties": {key: dict(value) for key in task.keys},
        "required": list(task.keys),
        "additionalProperties": False,
    }


@dataclass(frozen=True)
class Question:
    """A note as it is asked: as one prompt, and as the messages of a chat."""

    prompt: str
    messages: list[dict[str, str]]


def question(prompt: Prompt, text: str) -> Question:
    """What to ask for the note `text`.

    Raises:
        EngineError: the text is none that can be asked.
    """
    try:
        text.encode()
        return Question(prompt.render(text), prompt.messages(text))
    except PromptError as error:
        raise EngineError(str(error)) from None
    except UnicodeEncodeError:  # half of a surrogate pair is no text
        raise EngineError("Expected plain text; found a character that is none. Remove it from the note.") from None


class Connection:
    """A server that is asked one question after the other, from one event loop.

    Args:
        server: who is asked.
        task: gives the schema of an answer.
        prompt: gives what ends an answer.
    """

    def __init__(self, server: Server, task: Task, prompt: Prompt) -> None:
        self._server, self._task, self._prompt = server, task, prompt
        host = urlsplit(server.base_url).hostname or ""
        self._client = openai.AsyncOpenAI(
            api_key=server.api_key or "none",
            base_url=server.base_url,
            max_retries=server.n_retries,
            timeout=openai.Timeout(server.timeout_s, connect=min(CONNECT_S, server.timeout_s)),
            # Notes go where they were told to go: not on to where that server points, nor by way of a proxy that is
            # meant for others when the server is on this machine.
            http_client=openai.DefaultAsyncHttpx2Client(follow_redirects=False, trust_env=not _is_this_machine(host)),
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._client.close()

    async def agree(self) -> Form:
        """Find out how the server takes a prompt, with requests that hold no note.

        Raises:
            EngineError: it answers nothing now, or does not offer the model.
        """
        await self._look_for_model()
        form = await self._find_simplest()
        for option in ("schema", "lengths", "logprobs"):
            more = replace(form, options=form.options | {option})
            is_idle = option == "lengths" and "schema" not in form.options
            if not is_idle and await self._takes(more):
                form = more
        return form

    async def ask(self, form: Form, asked: Question, *, is_patient: bool = True) -> Reply:
        """Ask for one note.

        Args:
            form: from `agree`.
            asked: the note.
            is_patient: ask again when there is no answer, as often as the server's settings say.

        Raises:
            EngineError: there is no answer.
        """
        client = self._client if is_patient else self._client.with_options(max_retries=0)
        n_tries = 1 + (self._server.n_retries if is_patient else 0)
        try:
            # The client's limit is for each read: a server that sends a byte now and then would never reach it.
            async with asyncio.timeout(n_tries * self._server.timeout_s + PAUSES_S):
                answer = await self._send(client, form, asked, MAX_FIELD_TOKENS * len(self._task.keys))
        except (openai.OpenAIError, TimeoutError, ValueError) as error:  # the client raises a ValueError on broken JSON
            raise EngineError(self._explain_failure(error)) from None
        choices = getattr(answer, "choices", None)
        if not isinstance(choices, list) or not choices:
            raise EngineError(self._explain_failure(None))
        return read_chat(choices[0]) if form.is_chat else read_completion(choices[0])

    async def _send(self, client: openai.AsyncOpenAI, form: Form, asked: Question, n_tokens: int) -> Any:
        extra: dict[str, Any] = {}
        if "schema" in form.options:
            has_lengths = "lengths" in form.options
            schema = {
                "name": self._task.name,
                "strict": True,
                "schema": record_schema(self._task, has_lengths=has_lengths),
            }
            extra["response_format"] = {"type": "json_schema", "json_schema": schema}
        settings: dict[str, Any] = {"model": self._server.model, "max_tokens": n_tokens, "temperature": 0}
        if form.is_chat:
            settings |= {"logprobs": True} if "logprobs" in form.options else {}
            messages: Any = asked.messages
            return await client.chat.completions.create(messages=messages, extra_body=extra, **settings)
        if "tokens" in form.options:
            # The prompt has its special tokens, and the end of the answer is one, which must be seen to stop there.
            extra |= {"add_special_tokens": False, "skip_special_tokens": False}
        settings |= {"logprobs": 1} if "logprobs" in form.options else {}
        prompt = asked.prompt.removeprefix(BEGIN_OF_TEXT) if form.adds_begin else asked.prompt
        return await client.completions.create(prompt=prompt, stop=[self._prompt.end], extra_body=extra, **settings)

    async def _look_for_model(self) -> None:
        if not self._server.is_listed:
            return
        try:
            offered = [str(model.id) for model in (await self._client.models.list()).data or ()]
        except openai.APIStatusError:
            return  # it does not say; it may still refuse a name that it does not know
        except (openai.OpenAIError, ValueError) as error:
            raise EngineError(self._explain_failure(error)) from None
        if self._server.model not in offered:
            names = ", ".join(offered[:5]) or "none"
            raise EngineError(
                f"{self._server.base_url} does not offer the model {self._server.model!r}; it offers: {names}. "
                "Serve it there under this name, or choose one with --model."
            )

    async def _find_simplest(self) -> Form:
        """How the server takes the prompt as it stands, token for token; or that it takes chats only.

        Raises:
            EngineError: it answers neither, or it cannot be given the prompt that the adapter was trained with.
        """
        for options in (frozenset({"tokens"}), frozenset[str]()):
            try:
                n_tokens = await self._count(BEGIN_OF_TEXT, options)
                if n_tokens is None or n_tokens <= 2:
                    # Llama 3's tokenizer adds one unless told not to: the best guess for a server that does not count.
                    return Form(adds_begin=n_tokens == 2 or (n_tokens is None and not options), options=options)
                return await self._without_special_tokens(options)
            except openai.APIStatusError as error:
                if options and error.status_code in (400, 422):
                    continue
                if error.status_code in _REFUSED and await self._takes(Form(is_chat=True)):
                    return await self._as_chat()
                raise EngineError(self._explain_failure(error)) from None
            except (openai.OpenAIError, ValueError) as error:
                raise EngineError(self._explain_failure(error)) from None
        raise EngineError(self._explain_failure(None))

    async def _without_special_tokens(self, options: frozenset[str]) -> Form:
        """How a server takes the prompt that reads the special tokens in it as plain text.

        A model without them reads them so in this process as well, and was trained so: the prompt is the same as long
        as the server writes nothing around it.
        """
        if await self._count_chat() == _ITS_TOKENS:  # the model has them, and only a chat gets them
            return Form(is_chat=True)
        one, three = await self._count(" x", options), await self._count(" x x x", options)
        if one is not None and three is not None and 3 * one == three:
            return Form(options=options)
        return await self._as_chat()

    async def _as_chat(self) -> Form:
        """To ask in chats, where that is good enough.

        Raises:
            EngineError: an adapter was trained with another prompt than the server would make of a chat.
        """
        if self._server.is_exact and await self._count_chat() != _ITS_TOKENS:
            raise EngineError(_OTHER_PROMPT.format(url=self._server.base_url, model=self._server.model))
        return Form(is_chat=True)

    async def _count(self, prompt: str, options: frozenset[str]) -> int | None:
        """Tokens that the server reads for a prompt; None where it does not say."""
        extra = {"add_special_tokens": False, "skip_special_tokens": False} if options else {}
        settings: dict[str, Any] = {"model": self._server.model, "max_tokens": 1, "temperature": 0}
        return _n_tokens(await self._client.completions.create(prompt=prompt, extra_body=extra, **settings))

    async def _count_chat(self) -> int | None:
        """Tokens that the server reads for the shortest chat; None where it takes none or does not say."""
        messages: Any = _SHORTEST_CHAT
        settings: dict[str, Any] = {"model": self._server.model, "max_tokens": 1, "temperature": 0}
        try:
            return _n_tokens(await self._client.chat.completions.create(messages=messages, **settings))
        except (openai.OpenAIError, ValueError):  # where it is down, the next request says so
            return None

    async def _takes(self, form: Form) -> bool:
        """Whether the server takes requests of this form.

        Raises:
            EngineError: it takes none now.
        """
        try:
            await self._send(self._client, form, question(self._prompt, PROBE), 1)
        except openai.APIStatusError as error:
            if error.status_code in _REFUSED:
                return False
            raise EngineError(self._explain_failure(error)) from None
        except (openai.OpenAIError, ValueError) as error:
            raise EngineError(self._explain_failure(error)) from None
        return True

    def _explain_failure(self, error: BaseException | None) -> str:
        """Why there is no answer. Nothing of what the server said is repeated: it may quote the note."""
        server = self._server
        if isinstance(error, (openai.APITimeoutError, TimeoutError)):
            reason = _TOO_SLOW
        elif isinstance(error, openai.APIConnectionError):
            reason = _NOT_THERE
        elif isinstance(error, openai.APIStatusError):
            reason = _BY_STATUS.get(error.status_code, _FAULT)
            return reason.format(url=server.base_url, model=server.model, status=error.status_code)
        else:
            reason = _NO_INTERFACE
        return reason.format(url=server.base_url, timeout=f"{server.timeout_s:g}")


_TOO_SLOW = "{url} did not answer within {timeout} s. Check the server, or set CASELOOP_TIMEOUT to more seconds."
_NOT_THERE = "Cannot connect to {url}. Start the server, or correct the address."
_NO_INTERFACE = "Expected an OpenAI-compatible answer from {url}; found something else. Check the address."
_FAULT = "{url} answered with error {status}. See the server's log."
_KEY = "{url} refused the key ({status}). Set CASELOOP_API_KEY."
_REQUEST = (
    "{url} refused a request for the model {model!r} ({status}). "
    "The note may be too long for it, or the model may have another name there."
)
_BY_STATUS = {
    400: _REQUEST,
    401: _KEY,
    403: _KEY,
    404: "{url} does not offer the model {model!r}. Name another with --model.",
    413: _REQUEST,
    422: _REQUEST,
    429: "{url} is too busy (429). Set CASELOOP_CONCURRENCY to a lower number.",
}


_OTHER_PROMPT = (
    "{url} wraps its own chat template around the prompt that {model!r} was trained with. Serve the model where "
    "/v1/completions takes a prompt unchanged, as vLLM does, or here."
)


def _n_tokens(answer: Any) -> int | None:
    n_tokens = getattr(getattr(answer, "usage", None), "prompt_tokens", None)
    return n_tokens if isinstance(n_tokens, int) else None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
