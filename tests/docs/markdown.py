"""README.md and the pages in docs/: their code blocks, headings, links and inline code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.stack import ROOT

_FENCED = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced code block. `line` is the line of its first line of code in the page."""

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} ({self.language})"


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """The path from the project's folder."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """The whole file."""
        return self.path.read_text("utf-8")

    @cached_property
    def prose(self) -> str:
        """The file without its code blocks."""
        return _FENCED.sub("", self.text)

    @cached_property
    def blocks(self) -> list[Block]:
        """The code blocks, in order."""
        found = _FENCED.finditer(self.text)
        return [Block(self.name, self.text.count("\n", 0, m.start(2)) + 1, m[1], m[2]) for m in found]

    @cached_property
    def anchors(self) -> set[str]:
        """The fragments to which links can lead, as GitHub makes them of headings."""
        kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(self.prose))
        return {heading.replace(" ", "-") for heading in kept}

    @cached_property
    def links(self) -> list[str]:
        """The targets of links and pictures."""
        return _LINK.findall(self.prose)

    @cached_property
    def inline(self) -> list[str]:
        """The inline code."""
        return _INLINE.findall(self.prose)


PAGES = [Page(ROOT / "README.md"), *(Page(path) for path in sorted((ROOT / "docs").glob("*.md")))]


def table_rows(page: Page, heading: str) -> list[list[str]]:
    """The cells of the table rows below a heading, up to the next heading, without the head of the table."""
    section = re.split(rf"^#+ {re.escape(heading)}$", page.prose, maxsplit=1, flags=re.MULTILINE)[1]
    section = re.split(r"^#", section, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
