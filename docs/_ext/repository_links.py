"""Links between the documentation and the rest of the repository, checked in both directions.

Sphinx checks the links between its own pages. This adds the Markdown files beside `docs/`, such as
README.md: each relative link in them must lead to a file.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

_LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]*\ssrc=\"([^\"]+)\"")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _check(app: Sphinx) -> None:
    root = Path(app.srcdir).parent
    for file in sorted(root.glob("*.md")):
        for found in _LINK.findall(_CODE.sub("", file.read_text("utf-8"))):
            target = (found[0] or found[1]).partition("#")[0]
            if target and "://" not in target and not (file.parent / target).exists():
                message = "%s: there is no %s"
                logging.getLogger(__name__).warning(message, file.name, target)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("builder-inited", _check)
    return {"parallel_read_safe": True}
