"""What is installed with caseloop: each package in its exact version, and none under a licence that binds its users."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def reachable() -> dict[str, Distribution]:
    """Every installed package that caseloop or its tests need, whether by themselves or through another."""
    extras = PROJECT["optional-dependencies"].values()
    waiting = [Requirement(one) for one in [*PROJECT["dependencies"], *(one for extra in extras for one in extra)]]
    found: dict[str, Distribution] = {}
    seen = set()
    while waiting:
        wanted = waiting.pop()
        for extra in ["", *wanted.extras]:
            name = canonicalize_name(wanted.name)
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:  # of another system, or a choice that was not made
                continue
            needs = map(Requirement, found[name].requires or [])
            waiting += [one for one in needs if one.marker is None or one.marker.evaluate({"extra": extra})]
    return found


def pinned(text: str) -> dict[str, str]:
    lines = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", text, flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in lines}


def test_every_package_that_is_installed_has_its_exact_version() -> None:
    versions = {name: found.version.partition("+")[0] for name, found in reachable().items()}
    assert len(versions) > len(PROJECT["dependencies"])
    constraints = pinned((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    missing = {name: version for name, version in versions.items() if constraints.get(name) != version}
    assert not missing, "installed and not pinned so in constraints.txt"


def licences(of: Distribution) -> Iterator[str]:
    """What a package's own metadata say, each in a few words; a text of several lines is no name."""
    said = [of.metadata.get("License-Expression"), of.metadata.get("License")]
    yield from (one for one in said if one and "\n" not in one)
    yield from (one for one in of.metadata.get_all("Classifier") or [] if one.startswith("License ::"))


def is_copyleft(licence: str) -> bool:
    """Whether every choice that a licence leaves is a GPL or AGPL; the LGPL lets others use a library as it is."""
    found = r"(?<!L)GPL|(?<!Lesser )General Public License"
    return all(re.search(found, choice, flags=re.IGNORECASE) for choice in licence.split(" OR "))


def test_no_package_is_under_a_licence_that_would_bind_who_uses_caseloop() -> None:
    assert is_copyleft("GPL-3.0-or-later")
    assert is_copyleft("License :: OSI Approved :: GNU Affero General Public License v3")
    assert not is_copyleft("LGPL-3.0-only")
    assert not is_copyleft("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)")
    assert not is_copyleft("MIT OR GPL-2.0-only")
    bound = {name: one for name, found in reachable().items() for one in licences(found) if is_copyleft(one)}
    assert not bound
