"""Other values that are right as well, as they stand in a labelled record."""

from __future__ import annotations

from collections.abc import Mapping

from data.reading.records import plain_type
from data.task import Task

Accepted = Mapping[str, tuple[str | None, ...]]
"""Field key to the values that count as right beside the label, where there are any; None is "no value"."""


class AcceptedError(ValueError):
    """Values that cannot be read.

    Attributes:
        expected: what should stand there.
        found: what does.
    """

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}; found {found}")
        self.expected, self.found = expected, found


def read_accepted(task: Task, given: object) -> dict[str, tuple[str | None, ...]]:
    """The values under `accept` in a labelled record: field key to a list of strings and nulls.

    Raises:
        AcceptedError: it is no such object, or names a field that the task does not have.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise AcceptedError('an object of lists of values in "accept"', plain_type(given))
    unknown = sorted(str(key) for key in given if key not in task.keys)
    if unknown:
        raise AcceptedError(f'fields of the task in "accept": {", ".join(task.keys)}', f"{len(unknown)} others")
    for key, values in given.items():
        if not isinstance(values, list) or not all(value is None or isinstance(value, str) for value in values):
            raise AcceptedError(f'a list of strings and nulls under "{key}" in "accept"', plain_type(values))
    return {key: tuple(values) for key, values in given.items() if values}
