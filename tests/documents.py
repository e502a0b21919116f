"""Read the documents: their code blocks, and the code within their lines."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    str(file.relative_to(ROOT))
    for pattern in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "tests/README.md")
    for file in ROOT.glob(pattern)
)
#: Stands for words that a reader adds.
PLACEHOLDER = "…"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_COMMENT = re.compile(r"(?:^|\s)#.*")


def text_of(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def code_blocks(document: str, language: str) -> list[str]:
    """Return the code blocks of a document in one language."""
    return [block for found, block in FENCE.findall(text_of(document)) if found == language]


def inline_codes(text: str) -> list[str]:
    """Return the code outside of code blocks; what is broken over two lines is joined."""
    return [" ".join(code.split()) for code in _INLINE.findall(FENCE.sub("", text))]


def shell_lines(text: str) -> list[tuple[str, str]]:
    """Return the lines of shell blocks, each without its comment and the comment; continued lines are joined."""
    blocks = [block for language, block in FENCE.findall(text) if language == "sh"]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    parted = [(_COMMENT.sub("", line).rstrip(), comment) for line in lines for comment in [_comment_of(line)]]
    return [(line, comment) for line, comment in parted if line or comment]


def code_lines(text: str) -> list[str]:
    """Return the lines of shell blocks without comments."""
    return [line for line, _ in shell_lines(text) if line]


def _comment_of(line: str) -> str:
    found = _COMMENT.search(line)
    return found[0].lstrip(" #") if found else ""
