"""The mapping file: what registries' formats say of each field, in TOML that a lead can change.

Templates are what the format has, with words in braces where something of the note goes: `{value}`, `{patient}`. What a
note does not have is left out, with the key that was to hold it; `{note_date|decided_day}` is the first that it has.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic import Field as Setting

from app.core.errors import InputError
from app.exporting.formats import Format
from data.task import TASKS, Task

SLOT = re.compile(r"\{([\w.\- |]+)\}")
FACTS = (
    *("note_id", "note_number", "note_text", "note_base64", "note_date", "patient_id", "birth_date", "gender"),
    *("reviewer", "decided_at", "decided_day", "adapter", "comment", "status"),
)
"""What every template may name."""
OF_VALUE = ("value", "coding", "field", "title")
"""What a template of one field may name besides."""
ALL = "all"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Metadata(_Part):
    """Names in the metadata, for each fact the first that a note has."""

    patient_id: tuple[str, ...] = ()
    note_date: tuple[str, ...] = ()
    birth_date: tuple[str, ...] = ()
    gender: tuple[str, ...] = ()


class Code(_Part):
    """A code for the values of a field that a pattern is found in."""

    field: str
    match: re.Pattern[str]
    system: str = ""
    code: str = ""
    display: str = ""
    concept_id: int = 0


class Resource(_Part):
    """A FHIR resource that is made of a note, or one of each item of a field."""

    name: str = Setting(pattern=r"^[a-z][a-z0-9_]*$")
    field: str | None = None
    where: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    profile: str | None = None
    profile_needs: tuple[str, ...] = ()
    once: bool = False
    template: Mapping[str, Any]

    @field_validator("template")
    @classmethod
    def _typed(cls, template: Mapping[str, Any]) -> Mapping[str, Any]:
        if not isinstance(template.get("resourceType"), str):
            raise ValueError("no resourceType")
        return template


class Fhir(_Part):
    """What the Bundle of a note holds, in this order."""

    resources: tuple[Resource, ...] = Setting(min_length=1)


class Omop(_Part):
    """Column to template of the table NOTE, and of NOTE_NLP for a value's mention."""

    note: Mapping[str, str | int]
    note_nlp: Mapping[str, str | int]


class Item(_Part):
    """A NAACCR item: its id, where it stands, and what it holds: no more characters than `length`, or nothing."""

    id: str = Setting(pattern=r"^[a-z][A-Za-z0-9]*$")
    level: Literal["NaaccrData", "Patient", "Tumor"]
    value: str
    length: int = Setting(default=1000, ge=1)
    cut: bool = True
    field: str | None = None


class Naaccr(_Part):
    """The items, and the version of the dictionary that they are of."""

    dictionary: str
    record_type: Literal["A", "M", "C", "I"] = "I"
    specification: str = "1.7"
    items: tuple[Item, ...] = Setting(min_length=1)


class RegistryMapping(_Part):
    """A whole mapping file."""

    metadata: Metadata = Metadata()
    codes: tuple[Code, ...] = ()
    fhir: Fhir | None = None
    omop: Omop | None = None
    naaccr: Naaccr | None = None


def mapping_beside(task: Task) -> Path:
    """Where the mapping of a task lies that comes with it."""
    return TASKS / f"{task.name}_registries.toml"


def load_mapping(task: Task, path: Path | None, form: Format) -> RegistryMapping:
    """Read a mapping file and check that it fits the task.

    Args:
        task: whose fields are mapped.
        path: the file; None for the one that comes with the task.
        form: the format that is wanted of it.

    Raises:
        InputError: it cannot be read, says something that there is not, or nothing about the format.
    """
    if path is None:
        path = mapping_beside(task)
        if not path.exists():
            raise InputError(
                f"Expected a mapping file for the task {task.name}; found none. Write one and give --mapping FILE."
            )
        found = _fit_to_task(task, read := _read(path))
    else:
        found = read = _read(path)
        for fault in _unknown_fields(task, found):
            raise InputError(f"{path.name}: {fault}")
    for fault in _faults(read):
        raise InputError(f"{path.name}: {fault}")
    if getattr(found, form) is None:
        raise InputError(f"Expected a table [{form}] in {path.name}; found none. Add it, or choose another format.")
    return found


def _fit_to_task(task: Task, mapping: RegistryMapping) -> RegistryMapping:
    """The mapping without what it says of fields that the task does not have any more."""

    def kept(parts: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(part for part in parts if part.field is None or part.field in task.keys)

    fhir, naaccr = mapping.fhir, mapping.naaccr
    if fhir is not None:
        resources = kept(fhir.resources)
        names = {one.name for one in resources}
        fhir = Fhir(resources=tuple(_without(one, names) for one in resources))
    if naaccr is not None:
        naaccr = naaccr.model_copy(update={"items": kept(naaccr.items)})
    return mapping.model_copy(update={"codes": kept(mapping.codes), "fhir": fhir, "naaccr": naaccr})


def _without(resource: Resource, names: Collection[str]) -> Resource:
    """A resource that claims its profile only where all that this needs can be there."""
    return resource if {*resource.profile_needs} <= {*names} else resource.model_copy(update={"profile": None})


def _read(path: Path) -> RegistryMapping:
    try:
        return RegistryMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError:
        raise InputError(f"Expected a mapping file at {path}; it cannot be read. Check the path.") from None
    except UnicodeDecodeError:
        raise InputError(f"Expected UTF-8 text in {path.name}; found other bytes. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at (.*)\)", str(error))
        raise InputError(
            f"Expected TOML in {path.name}; found a fault at {where.group(1) if where else 'its end'}. Correct it."
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise InputError(f"{path.name}: {_describe_fault(first['loc'], first['type'])}") from None


def _describe_fault(loc: tuple[int | str, ...], kind: str) -> str:
    """One fault of form as a sentence."""
    where = ".".join(f"{part + 1}" if isinstance(part, int) else part for part in loc)
    if kind == "extra_forbidden":
        return f"expected keys of a mapping file; found {where}, which is none. Remove or correct it."
    if kind == "missing":
        return f"expected {where}; found none. Add it."
    if kind == "pattern_regex":
        return f"expected a regular expression in {where}; found another text. Correct it."
    return f"expected another form of {where}. Compare it with the mapping file that comes with caseloop."


def _unknown_fields(task: Task, mapping: RegistryMapping) -> Iterator[str]:
    """What does not fit the task."""
    named = [code.field for code in mapping.codes]
    if mapping.fhir is not None:
        named += [one.field for one in mapping.fhir.resources if one.field]
    if mapping.naaccr is not None:
        named += [one.field for one in mapping.naaccr.items if one.field]
    for key in named:
        if key not in task.keys:
            yield f"expected a field among {', '.join(task.keys)}; found {key}. Correct it, or remove its table."


def _faults(mapping: RegistryMapping) -> Iterator[str]:
    """What does not fit together."""
    if mapping.fhir is not None:
        yield from _reference_faults(mapping.fhir)
    for where, template, further in _texts(mapping):
        known = {*FACTS, *further}
        for slot in find_slots(template):
            if slot not in known and not slot.startswith("metadata."):
                listed = ", ".join(sorted(known))
                yield f"expected one of {listed} or metadata.NAME in braces; found {{{slot}}} in {where}. Correct it."


def _reference_faults(fhir: Fhir) -> Iterator[str]:
    names = {one.name for one in fhir.resources}
    for one in fhir.resources:
        for needed in one.profile_needs:
            if needed not in names:
                yield f"expected the name of a resource in profile_needs of {one.name}; found {needed}. Correct it."
    if any(name in {*FACTS, *OF_VALUE, ALL} for name in names):
        yield f"expected names of resources other than {', '.join([*FACTS, *OF_VALUE, ALL])}. Rename it."


def _texts(mapping: RegistryMapping) -> Iterator[tuple[str, Any, Collection[str]]]:
    """Each template, where it stands, and what it may name besides the facts."""
    if mapping.fhir is not None:
        names = {one.name for one in mapping.fhir.resources}
        for one in mapping.fhir.resources:
            yield f"fhir.resources, {one.name}", one.template, {*names, ALL, *(OF_VALUE if one.field else ())}
    if mapping.omop is not None:
        yield "omop.note", mapping.omop.note, ()
        yield "omop.note_nlp", mapping.omop.note_nlp, {*OF_VALUE, "start", "words", "snippet", "concept_id"}
    if mapping.naaccr is not None:
        for item in mapping.naaccr.items:
            yield f"naaccr.items, {item.id}", item.value, OF_VALUE if item.field else ()


def find_slots(template: Any) -> set[str]:
    """The words in braces of a template."""
    if isinstance(template, str):
        return {name for slot in SLOT.findall(template) for name in slot.split("|")}
    parts = (
        template.values() if isinstance(template, Mapping) else template if isinstance(template, (list, tuple)) else ()
    )
    return {slot for part in parts for slot in find_slots(part)}


def fill_template(template: Any, facts: Mapping[str, Any]) -> Any:
    """A template with its braces filled in; None where a fact is missing that it needs."""
    if isinstance(template, str):
        whole = SLOT.fullmatch(template)
        if whole:
            return _fact(facts, whole[1])
        if any(_fact(facts, slot) is None for slot in SLOT.findall(template)):
            return None
        return SLOT.sub(lambda found: str(_fact(facts, found[1])), template)
    if isinstance(template, Mapping):
        kept = {key: fill_template(part, facts) for key, part in template.items()}
        return {key: part for key, part in kept.items() if part is not None} or None
    if isinstance(template, (list, tuple)):
        return [part for part in (fill_template(one, facts) for one in template) if part is not None] or None
    return template


def _fact(facts: Mapping[str, Any], names: str) -> Any:
    return next((facts[name] for name in names.split("|") if facts.get(name) is not None), None)
