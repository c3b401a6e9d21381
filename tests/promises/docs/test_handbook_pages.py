"""The pages hang together: short front page, links and anchors that lead somewhere, each page in the navigation."""

from __future__ import annotations

import re

import yaml

from tests.promises.docs.handbook import DOCS, PAGES, README, ROOT, Page

SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def test_the_readme_can_be_read_in_one_go() -> None:
    assert len(README.text.splitlines()) <= 200


def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading() -> None:
    n_links = 0
    for page in PAGES:
        for link in page.links:
            if "://" in link:
                continue
            n_links += 1
            file, _, anchor = link.partition("#")
            target = (page.path.parent / file).resolve() if file else page.path
            assert target.is_relative_to(ROOT), f"{page.path.name}: {link}"
            assert target.is_file(), f"{page.path.name}: {link}"
            assert not anchor or anchor in Page(target).anchors, f"{page.path.name}: {link}"
    assert n_links > 40


def test_github_and_the_site_make_the_same_anchors() -> None:
    for page in PAGES:
        assert len(set(page.anchors)) == len(page.anchors), page.path.name
        # Elsewhere they differ: one keeps two hyphens in a row, the other makes one of them.
        assert all(re.fullmatch(r"[\w ,?'-]+", heading) for heading in page.headings), page.path.name
        assert not any("--" in anchor for anchor in page.anchors), page.path.name


def test_every_page_is_in_the_navigation_once() -> None:
    listed = [name for entry in SITE["nav"] for name in _names(entry)]
    assert sorted(listed) == sorted([*DOCS, "index.md", "model-card.md"])


def _names(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    assert isinstance(entry, dict)
    (below,) = entry.values()
    return [below] if isinstance(below, str) else [name for one in below for name in _names(one)]


def test_the_front_page_leads_to_every_page() -> None:
    assert {f"docs/{name}" for name in DOCS} <= {link.partition("#")[0] for link in README.links}


def test_the_site_asks_nobody_else_for_anything() -> None:
    assert SITE["theme"]["font"] is False
    assert {"privacy": {"assets_fetch": False, "assets_exclude": ["unpkg.com/mermaid@*"]}} in SITE["plugins"]
    assert SITE["strict"] is True
    assert not any(re.search(r"!\[[^]]*\]\(\w+://|<script|```mermaid", page.text) for page in PAGES)
    assert not [path for path in (ROOT / "docs" / "assets").glob("*.css") if "url(" in path.read_text()]
