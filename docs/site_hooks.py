"""Hooks of the docs' site (`mkdocs.yml`): the pages are written for GitHub too, and link to files outside of `docs/`.

Files of the folders in `SHOWN` and the pages of `PAGES` are part of the site. Other files of the repository are not: a link
to one is shown as its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from pymdownx.slugs import slugify

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("automations", "deployments")
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "README.md": "overview.md"}
# Pages with wide tables: these take the place of the table of contents.
WIDE = ("settings.md", "support.md", "drivers.md", "explanation/comparison.md")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^(```.*?^```\s*?$)", re.MULTILINE | re.DOTALL)
_CODE_IN_TABLE = re.compile(r"^\|.*\|$", re.MULTILINE)
_LIST_AFTER_TEXT = re.compile(r"^((?![-*|>#\s]|\d+\. ).+)\n(?=(?:- |\d+\. ))", re.MULTILINE)


def on_config(config: Any) -> Any:
    """Give headings the anchors that GitHub gives them."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add files of the repository that are outside of `docs/`."""
    for path in sorted(path for folder in SHOWN for path in (ROOT / folder).glob("*.*")):
        files.append(File.generated(config, f"repository/{path.relative_to(ROOT)}", abs_src_path=str(path)))
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Text that this site's Markdown reads as GitHub's does, with links that lead to pages and files of the site."""
    if page.file.src_uri in WIDE:
        page.meta["hide"] = ["toc"]
    source = next((name for name, here in PAGES.items() if here == page.file.src_uri), None)
    base = "" if source else posixpath.dirname(f"docs/{page.file.src_uri}")
    parts = _FENCE.split(markdown)
    parts[::2] = [
        _CODE_IN_TABLE.sub(_with_bars, _LIST_AFTER_TEXT.sub(r"\1\n\n", _with_links(part, base, page.file.src_uri)))
        for part in parts[::2]
    ]
    return "".join(parts)


def _with_bars(row: re.Match[str]) -> str:
    """A row of a table: a bar within code needs no backslash here, and the backslash would be shown."""
    return re.sub(r"`[^`]*`", lambda code: code[0].replace("\\|", "|"), row[0])


def _with_links(text: str, base: str, page: str) -> str:
    def link(found: re.Match[str]) -> str:
        label, target, anchor = found[1], found[2], found[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        path = posixpath.normpath(posixpath.join(base, target))
        if path.startswith("docs/"):
            inside = path.removeprefix("docs/")
        elif path in PAGES:
            inside = PAGES[path]
        elif path.split("/")[0] in SHOWN and (ROOT / path).is_file():
            inside = f"repository/{path}"
        else:
            return label
        return f"[{label}]({posixpath.relpath(inside, posixpath.dirname(page) or '.')}{anchor})"

    return _LINK.sub(link, text)
