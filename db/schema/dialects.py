"""What SQLite and PostgreSQL say differently, said once: everything else in the queries is the same for both."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

POSTGRES = "postgresql"
MIN_PREFIX_CHARACTERS = 3
_NO_PATH = re.compile(r'["\\\x00-\x1f\x7f]')
"""In a key: what SQLite's paths do not know how to quote."""


def is_postgres(session: Session) -> bool:
    """Whether this session's store is in PostgreSQL."""
    return session.get_bind().dialect.name == POSTGRES


def insert_into(session: Session, table: sa.Table) -> sqlite.Insert:
    """An INSERT that can say what happens to a row that is there already (`on_conflict_do_...`)."""
    # The two have the same methods with the same arguments.
    return postgresql.insert(table) if is_postgres(session) else sqlite.insert(table)  # type: ignore[return-value]


class json_value(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """The value of a key in a JSON object, as text; NULL for null and for a key that is not there.

    Args: the object's column, and the key: a column or a text.
    """

    type = sa.Text()
    inherit_cache = True

    def __init__(self, document: sa.ColumnElement[Any], key: sa.ColumnElement[str] | str) -> None:
        # SQLite's path, put together once where it is the same for every row.
        path = f'$."{key}"' if isinstance(key, str) else sa.literal('$."').concat(key).concat('"')
        super().__init__(document, key, path)


class json_pairs(FunctionElement[Any]):  # noqa: N801 - a function of SQL
    """A JSON object as rows of `key` and `value`, both text."""

    inherit_cache = True


class json_members(FunctionElement[Any]):  # noqa: N801 - a function of SQL
    """A JSON object as rows with a `key`; `json_kind` says what each value is."""

    inherit_cache = True


class json_kind(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """What the values of `json_members` under the name "each" are: "text", "integer" of at most 18 digits, "real",
    "boolean", "null" or "other"."""

    type = sa.Text()
    inherit_cache = True


class _member(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """The value of a key in a JSON object, as text as PostgreSQL has it. Args: the column, the key, SQLite's path."""

    type = sa.Text()
    inherit_cache = True


class _odd_member(_member):  # noqa: N801 - a function of SQL
    """The same for a key that has no path in SQLite."""

    inherit_cache = True


def member_text(document: sa.ColumnElement[Any], key: str) -> sa.ColumnElement[str]:
    """The value of any key in a JSON object, as text; NULL for null and where there is none."""
    path = sa.literal(f'$."{key}"')
    return (_odd_member if _NO_PATH.search(key) else _member)(document, sa.literal(key), path)


class lower_text(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """A text in lower case, in every script."""

    type = sa.Text()
    inherit_cache = True


class holds(FunctionElement[bool]):  # noqa: N801 - a function of SQL
    """Whether a text holds another."""

    type = sa.Boolean()
    inherit_cache = True


class leading_number(FunctionElement[float]):  # noqa: N801 - a function of SQL
    """The number that a text begins with; 0 where it begins with none."""

    type = sa.Double()
    inherit_cache = True


class whole_part(FunctionElement[int]):  # noqa: N801 - a function of SQL
    """A number without what stands behind its point."""

    type = sa.Integer()
    inherit_cache = True


class matches(FunctionElement[Any]):  # noqa: N801 - a function of SQL
    """Whether the full-text index's row holds every one of some words, in any order; the last may be unfinished.

    Args: the words, separated by spaces. Nothing in them is an operator, and one such as `ER-positive` means its parts
    side by side. A shorter beginning than three characters is a whole word: it would fit so many words of so many notes
    that looking them up takes longer than typing on.
    """

    inherit_cache = True

    def __init__(self, words: str) -> None:
        super().__init__(
            sa.bindparam("match", " OR ".join(map(match_expression, spellings(words))), sa.Text, unique=True),
            sa.bindparam("is_unfinished", is_unfinished(words), sa.Boolean, unique=True),
            *(sa.bindparam("words", one.split(), postgresql.ARRAY(sa.Text), unique=True) for one in spellings(words)),
        )


def spellings(words: str) -> list[str]:
    """The words as they are, with `ss` for every sharp s, and the other way round: `Grosse` is `Größe`, too."""
    return list(dict.fromkeys([words, re.sub("[ßẞ]", "ss", words), re.sub("(?i)ss", "ß", words)]))


def is_unfinished(words: str) -> bool:
    """Whether the last of these words may go on."""
    return len((words.split() or [""])[-1]) >= MIN_PREFIX_CHARACTERS


def match_expression(text: str) -> str:
    """Words as SQLite's full-text query: each quoted, so that nothing in it is an operator; the last a prefix."""
    words = [word.replace('"', '""') for word in text.split()]
    return " ".join(f'"{word}"' for word in words) + ("*" if is_unfinished(text) else "")


@compiles(matches, "sqlite")
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    match, *_ = element.clauses
    return f"note_search.note_search MATCH {compiler.process(match, **named)}"


@compiles(matches, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    _, is_unfinished, *spelt = (compiler.process(part, **named) for part in element.clauses)
    query = " || ".join(f"note_query({words}, {is_unfinished})" for words in spelt)
    return f"note_search.document @@ ({query})"


@compiles(json_value, "sqlite")
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    document, _, path = element.clauses
    return f"json_extract({compiler.process(document, **named)}, {compiler.process(path, **named)})"


@compiles(json_value, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    document, key, _ = element.clauses
    return f'(({compiler.process(document, **named)} ->> {compiler.process(key, **named)}) COLLATE "C")'


@compiles(json_pairs, "sqlite")
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **named)})"


@compiles(json_pairs, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return f"json_each_text({compiler.process(element.clauses, **named)})"


@compiles(json_members, "sqlite")
@compiles(json_members, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **named)})"


@compiles(json_kind, "sqlite")
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return """CASE WHEN each.type IN ('text', 'real', 'null') THEN each.type
        WHEN each.type IN ('true', 'false') THEN 'boolean'
        WHEN each.type = 'integer' AND length(ltrim(each.atom, '-')) < 19 THEN 'integer' ELSE 'other' END"""


@compiles(json_kind, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return """CASE json_typeof(each.value)
        WHEN 'string' THEN 'text' WHEN 'null' THEN 'null' WHEN 'boolean' THEN 'boolean'
        WHEN 'number' THEN CASE
            WHEN each.value::text ~ '^-?[0-9]{1,18}$' THEN 'integer'
            WHEN each.value::text ~ '[.eE]' THEN 'real' ELSE 'other' END
        ELSE 'other' END"""


@compiles(_member, "sqlite")
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    document, _, path = (compiler.process(part, **named) for part in element.clauses)
    # A true or false would be a number.
    return f"""CASE json_type({document}, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
        ELSE CAST(json_extract({document}, {path}) AS TEXT) END"""


@compiles(_odd_member, "sqlite")
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    document, key, _ = (compiler.process(part, **named) for part in element.clauses)
    return f"""(SELECT CASE each.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
        ELSE CAST(each.value AS TEXT) END FROM json_each({document}) AS each WHERE each.key = {key})"""  # noqa: S608 - parts that SQLAlchemy quotes


@compiles(_member, POSTGRES)
@compiles(_odd_member, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    document, key, _ = element.clauses
    return f'(({compiler.process(document, **named)} ->> {compiler.process(key, **named)}) COLLATE "C")'


@compiles(lower_text, "sqlite")
@compiles(lower_text, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return f"lower_text({compiler.process(element.clauses, **named)})"  # SQLite's from `db.store.sqlite`


@compiles(holds, "sqlite")
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return f"instr({compiler.process(element.clauses, **named)}) > 0"


@compiles(holds, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **named)}) > 0"


@compiles(leading_number, "sqlite")
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **named)} AS REAL)"


@compiles(leading_number, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    number = r"^\s*([-+]?([0-9]{1,255}(\.[0-9]{0,255})?|\.[0-9]{1,255})(e[-+]?[0-9](?![0-9]))?)"
    text = compiler.process(element.clauses, **named)
    return f"coalesce(substring({text} from '(?i){number}')::double precision, 0)"


@compiles(whole_part, "sqlite")
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **named)} AS INTEGER)"


@compiles(whole_part, POSTGRES)
def _(element: Any, compiler: SQLCompiler, **named: Any) -> str:
    return f"trunc({compiler.process(element.clauses, **named)})::bigint"
