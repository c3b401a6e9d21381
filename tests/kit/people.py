"""People who can sign in, for the tests of a desk with several of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from app.access.passwords import hash_password
from db.people.reviewers import Role, add_reviewer
from db.store.store import Store
from tests.kit.desk.permits import person_in

PASSWORD = "correct horse battery"


@cache
def kept(name: str) -> str:
    """The hash of the password; made once, since it takes a quarter of a second."""
    return hash_password(PASSWORD, name)


def add_people(store: Store, roles: Mapping[str, Role]) -> None:
    """Add people by name, all with the same password; the first has to be an admin."""
    with store.transaction() as session:
        for name, role in roles.items():
            add_reviewer(person_in(session, "command line"), name, role=role, password_hash=kept(name))
