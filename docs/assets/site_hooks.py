"""What the site takes from outside `docs/`: the README as its first page, the model card and the pictures.

On GitHub these are reached by their paths in the repository; here the links are rewritten to where the site has them.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = {"README.md": "index.md", "data/embedded/MODEL_CARD.md": "model-card.md", "LICENSE": "LICENSE.txt"}
PICTURES = "tests/pictures/"
_LINK = re.compile(r"(\]\()([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside `docs/`."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for picture in sorted((ROOT / PICTURES).glob("*.[ps][nv]g")):
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite a page's links to what `on_files` added."""
    sources = {page: source for source, page in PAGES.items()}
    folder = (ROOT / sources.get(page.file.src_uri, f"docs/{page.file.src_uri}")).parent
    return _LINK.sub(lambda link: link[1] + _target(folder, link[2]), markdown)


def _target(folder: Path, link: str) -> str:
    if "://" in link:
        return link
    path = (folder / link).resolve()
    if not path.is_relative_to(ROOT):
        return link
    inside = path.relative_to(ROOT).as_posix()
    return PAGES.get(inside) or inside.removeprefix("docs/").replace(PICTURES, "pictures/")
