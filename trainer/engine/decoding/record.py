"""Token tables of the fixed record: which tokens are forced, and which the model may choose from, at every point.

The answer is always `{"first": value, "second": value, ...}`. Keys, colons and braces are forced. Four things are the
model's to decide: null or a string, the string's first token (it may carry punctuation after the quote), the tokens
inside, and the token that closes it (it may carry punctuation before the quote and the comma after it). Deciding at
these places and forcing the rest gives the very tokens that the tokenizer makes of the finished answer, so the model
never reads a sequence that it was not trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

from data.limits import MAX_VALUE_CHARACTERS
from data.task import Task
from data.vocabulary.wording import START, Reading, Words, ends_plainly
from trainer.engine.api import EngineError


@cache
def _byte_alphabet() -> dict[str, int]:
    """The character that a byte-level BPE writes for each byte, the other way round (GPT-2's table)."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {chr(byte): byte for byte in shown}
    for offset, byte in enumerate(byte for byte in range(256) if byte not in shown):
        table[chr(256 + offset)] = byte
    return table


def token_bytes(tokenizer: Any) -> list[bytes | None]:
    """What each token stands for; None for special tokens and for numbers without one.

    Raises:
        EngineError: the tokenizer is not a byte-level one.
    """
    alphabet = _byte_alphabet()
    n_tokens = len(tokenizer)
    special = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
    pieces: list[bytes | None] = []
    for number, token in enumerate(tokenizer.convert_ids_to_tokens(list(range(n_tokens)))):
        if token is None or number in special:
            pieces.append(None)
            continue
        try:
            pieces.append(bytes(alphabet[character] for character in token))
        except KeyError as error:
            raise EngineError("Expected a byte-level BPE tokenizer, as Llama 3's; found another kind.") from error
    return pieces


def _fits_a_string(piece: bytes) -> bool:
    """Whether a token may stand inside a JSON string as it is."""
    return bool(piece) and not any(byte < 0x20 or byte in b'"\\' for byte in piece)


@dataclass(frozen=True)
class RecordTables:
    """Tables for one tokenizer and one task.

    Attributes:
        keys: field keys in order.
        pieces: bytes of every token, None for special ones.
        opening: tokens up to the first colon.
        quote: the token of a space and a quotation mark.
        null: first token of a space and `null`.
        after_null: for each field, the tokens that follow `null` up to the next colon; for the last field none.
        closers: for each field, closing token to the tokens that follow up to the next colon.
        allowed: which tokens may be chosen, by state; shape (1 + 2 * n_fields, n_logits), bool. State 0 opens a
            value, state 1 + i is inside value i, state 1 + n_fields + i must close value i.
        plain: for every token, 1 where it may stand inside a value without closing it.
        openers: tokens that begin a string.
    """

    keys: tuple[str, ...]
    pieces: list[bytes | None]
    opening: tuple[int, ...]
    quote: int
    null: int
    after_null: tuple[tuple[int, ...], ...]
    closers: tuple[dict[int, tuple[int, ...]], ...]
    allowed: torch.Tensor
    plain: bytes
    openers: frozenset[int]

    def spell(self, words: Words, reading: Reading, index: int, token: int, *, is_first: bool) -> Reading | None:
        """How far a value is read with one token more of it; None where no known word goes on or ends so.

        Args:
            words: that the value may hold.
            reading: of the tokens before.
            index: the field's number.
            token: that the mask allows here.
            is_first: whether it opens the value.
        """
        piece = self.pieces[token] or b""
        if is_first:
            return START if token == self.null else words.read(START, piece[2:])
        if token not in self.closers[index]:
            return words.read(reading, piece)
        last = words.read(reading, piece[: piece.index(b'"')])
        return last if last is not None and words.is_whole(last) else None

    def text_of(self, tokens: list[int]) -> str:
        """The text of a sequence without special tokens."""
        return b"".join(self.pieces[token] or b"" for token in tokens).decode("utf-8", errors="replace")


@dataclass
class Cursor:
    """Where an answer stands: what was decided, and what may come next.

    Attributes:
        path: every token of the answer so far, decided or forced.
        values: the finished values.
        log_probabilities: field key to the log-probability of what was decided in it.
        log_probability: of what was decided in the value that is being written.
        last: the tokens of the value that was finished last.
        words: for each field the words that its value may hold, None for any; empty for any in all fields.
    """

    tables: RecordTables
    max_value_tokens: int
    path: list[int] = field(default_factory=list)
    values: dict[str, str | None] = field(default_factory=dict)
    log_probabilities: dict[str, float] = field(default_factory=dict)
    _current: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    last: list[int] = field(default_factory=list)
    words: Sequence[Words | None] = ()
    _reading: Reading = START

    def __post_init__(self) -> None:
        self.path = self.path or list(self.tables.opening)

    @property
    def index(self) -> int:
        """Number of the field that is being written."""
        return len(self.values)

    @property
    def is_done(self) -> bool:
        """Whether every value is decided."""
        return len(self.values) == len(self.tables.keys)

    @property
    def is_opening(self) -> bool:
        """Whether the next token decides between null and a string."""
        return not self._current

    @property
    def state(self) -> int:
        """Row of `tables.allowed` for the next token."""
        if not self._current:
            return 0
        n_fields = len(self.tables.keys)
        return 1 + self.index + (n_fields if len(self._current) > self.max_value_tokens else 0)

    def permits(self, token: int) -> bool:
        """Whether a token that the mask allows keeps to the words that the value may hold.

        Where the value must be closed every closing token does: a word that is cut off by that is taken away.
        """
        words = self._words_of(self.index)
        if words is None or len(self._current) > self.max_value_tokens:
            return True
        found = self.tables.spell(words, self._reading, self.index, token, is_first=not self._current)
        return found is not None

    def _words_of(self, index: int) -> Words | None:
        return self.words[index] if self.words else None

    def advance(self, token: int, log_probability: float = 0.0) -> list[int]:
        """Take the next token; the forced ones after it come back and are part of the path already."""
        tables, index = self.tables, self.index
        words = self._words_of(index)
        reading = None
        if words is not None:
            reading = tables.spell(words, self._reading, index, token, is_first=not self._current)
            self._reading = reading or self._reading
        self.log_probability += log_probability
        self._current.append(token)
        self.path.append(token)
        if len(self._current) == 1 and token == tables.null:
            return self._finish(None, tables.after_null[index])
        if len(self._current) > 1 and token in tables.closers[index]:
            written = tables.text_of(self._current)[2:]
            whole = written[: written.index('"')].replace("\ufffd", "")
            value = whole[:MAX_VALUE_CHARACTERS]
            if words is not None and (reading is None or value != whole):
                value = words.cut(value)
            elif words is not None:
                value = ends_plainly(value)
            return self._finish(value, tables.closers[index][token])
        return []

    def _finish(self, value: str | None, forced: tuple[int, ...]) -> list[int]:
        key = self.tables.keys[self.index]
        self.values[key] = value
        self.log_probabilities[key] = self.log_probability
        self.last, self._current, self.log_probability, self._reading = self._current, [], 0.0, START
        self.path.extend(forced)
        return list(forced)

    def walk(self, draft: Sequence[int], until: int) -> tuple[list[int], list[int | None]]:
        """How far a draft could be what follows, and what is decided on the way.

        Args:
            draft: tokens that may follow.
            until: number of fields after which nothing more is to be asked.

        Returns:
            The draft up to its first token that cannot stand there, at most up to where that last value is closed; and
            the state before each of these tokens and after the last one, None where a token is forced.
        """
        tables, n_fields = self.tables, len(self.tables.keys)
        index, n_current = self.index, len(self._current)
        forced: tuple[int, ...] = ()
        legal: list[int] = []
        states: list[int | None] = [self.state]
        for token in draft:
            if forced:
                if token != forced[0]:
                    break
                forced = forced[1:]
            elif not n_current:
                if token == tables.null:
                    index, forced = index + 1, tables.after_null[index]
                elif token in tables.openers:
                    n_current = 1
                else:
                    break
            elif token in tables.closers[index]:
                index, n_current, forced = index + 1, 0, tables.closers[index][token]
            elif tables.plain[token] and n_current <= self.max_value_tokens:
                n_current += 1
            else:
                break
            if index == until:
                break
            legal.append(token)
            must_close = n_fields if n_current > self.max_value_tokens else 0
            states.append(None if forced else 0 if not n_current else 1 + index + must_close)
        n_known = self._n_known(legal, states) if self.words else len(legal)
        return legal[:n_known], states[: n_known + 1]

    def _n_known(self, draft: Sequence[int], states: Sequence[int | None]) -> int:
        """How many tokens of a draft keep to the words that the values may hold."""
        tables, index, reading = self.tables, self.index, self._reading
        for place, (token, state) in enumerate(zip(draft, states, strict=False)):
            if state is None:
                continue
            words = self._words_of(index)
            if words is not None and state <= len(tables.keys):
                found = tables.spell(words, reading, index, token, is_first=not state)
                if found is None:
                    return place
                reading = found
            if token in tables.closers[index] if state else token == tables.null:
                index, reading = index + 1, START
        return len(draft)

    @property
    def current(self) -> list[int]:
        """The tokens of the value that is being written."""
        return self._current

    def rewind(self, n_fields: int, tokens: Sequence[int]) -> Cursor:
        """A cursor in the same answer as it stood in an earlier field, after `tokens` of its value."""
        keys = self.tables.keys[:n_fields]
        earlier = Cursor(self.tables, self.max_value_tokens, path=[], words=self.words)
        earlier.values = {key: self.values[key] for key in keys}
        earlier.log_probabilities = {key: self.log_probabilities[key] for key in keys}
        earlier._current = list(tokens)
        words = self._words_of(n_fields)
        for place, token in enumerate(tokens if words is not None else ()):
            assert words is not None
            earlier._reading = self.tables.spell(words, earlier._reading, n_fields, token, is_first=not place) or START
        return earlier

    @property
    def reply(self) -> str:
        """The answer as text, with its closing brace."""
        text = self.tables.text_of(self.path)
        return text if text.endswith("}") else text + "}"


def build_tables(tokenizer: Any, task: Task, n_logits: int, device: torch.device | None = None) -> RecordTables:
    """Derive the tables from the tokenizer and check that they give its own tokens.

    Args:
        tokenizer: a byte-level BPE behind transformers' interface.
        task: whose keys the record has.
        n_logits: width of the model's output, at least the number of tokens.
        device: where the masks are to be.

    Raises:
        EngineError: the tokenizer cuts the record at places where a decision would fall into a token.
    """
    pieces = token_bytes(tokenizer)
    continuations = [f', "{key}":' for key in task.keys[1:]] + ["}"]
    quote, null = _encode(tokenizer, ' "'), _encode(tokenizer, " null")
    openers = [t for t, piece in enumerate(pieces) if piece and piece[:2] == b' "' and _opens(piece[2:])]
    if len(quote) != 1 or null[0] in openers:
        raise EngineError("Expected a tokenizer with a token for a space and a quotation mark; found none.")
    tables = RecordTables(
        keys=task.keys,
        pieces=pieces,
        opening=tuple(_encode(tokenizer, f'{{"{task.keys[0]}":')),
        quote=quote[0],
        null=null[0],
        after_null=tuple(_find_after_null(tokenizer, null, text) for text in continuations),
        closers=tuple(_closers(tokenizer, pieces, text) for text in continuations),
        allowed=torch.zeros(1 + 2 * len(task.keys), n_logits, dtype=torch.bool),
        plain=bytes(bool(piece) and _fits_a_string(piece or b"") for piece in pieces),
        openers=frozenset(openers),
    )
    plain = [token for token, fits in enumerate(tables.plain) if fits]
    tables.allowed[0, [*openers, null[0]]] = True
    for index, closers in enumerate(tables.closers):
        tables.allowed[1 + index, [*plain, *closers]] = True
        tables.allowed[1 + len(task.keys) + index, list(closers)] = True
    _check(tokenizer, tables)
    # A mask that is moved keeps its place in the frozen tables: the tensor is replaced in the constructor only.
    return RecordTables(**{**tables.__dict__, "allowed": tables.allowed.to(device)}) if device else tables


def _encode(tokenizer: Any, text: str) -> list[int]:
    tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return tokens


def _opens(rest: bytes) -> bool:
    return not rest or _fits_a_string(rest)


def _find_after_null(tokenizer: Any, null: list[int], continuation: str) -> tuple[int, ...]:
    before = _encode(tokenizer, '": null')
    whole = _encode(tokenizer, '": null' + continuation)
    rest = whole[len(before) :] if whole[: len(before)] == before else _encode(tokenizer, continuation)
    return (*null[1:], *rest)


def _closers(tokenizer: Any, pieces: list[bytes | None], continuation: str) -> dict[int, tuple[int, ...]]:
    """Tokens that end a value: anything before the quotation mark, and after it a beginning of `continuation`."""
    closers = {}
    for token, piece in enumerate(pieces):
        if not piece or b'"' not in piece:
            continue
        inside, _, outside = piece.partition(b'"')
        if (inside and not _fits_a_string(inside)) or not continuation.encode().startswith(outside):
            continue
        try:
            text = piece.decode()
        except UnicodeDecodeError:
            continue
        rest = continuation[len(outside) :]
        before, whole = _encode(tokenizer, "x" + text), _encode(tokenizer, "x" + text + rest)
        is_stable = whole[: len(before)] == before
        closers[token] = tuple(whole[len(before) :] if is_stable else _encode(tokenizer, rest))
    return closers


def follow(tables: RecordTables, tokens: list[int], max_value_tokens: int = 10_000) -> dict[str, str | None] | None:
    """The values of a tokenised answer, or None where the tables would not have written exactly these tokens."""
    cursor = Cursor(tables, max_value_tokens)
    position = len(cursor.path)
    while not cursor.is_done:
        if position >= len(tokens) or not tables.allowed[cursor.state, tokens[position]]:
            return None
        cursor.advance(tokens[position])
        position = len(cursor.path)
    return cursor.values if cursor.path == tokens else None


_SAMPLES = ("x", "stage IV", "ductal carcinoma (left)", "5%", "ER+", "T790M; exon 19", "naïve ≥ 2 µg", "(a) b")


def _check(tokenizer: Any, tables: RecordTables) -> None:
    for value in (None, *_SAMPLES):
        values = dict.fromkeys(tables.keys, value)
        answer = json.dumps(values, ensure_ascii=False)
        if follow(tables, _encode(tokenizer, answer)) != values:
            raise EngineError(
                "Expected a tokenizer that cuts the record as Llama 3's does; found one that joins a key or a quotation"
                " mark with what the model decides. Use a base with such a tokenizer."
            )
