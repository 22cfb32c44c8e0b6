"""How the documentation is built: `make docs`, or see requirements.txt for the environment."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import inspect

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Satisfice"
author = "The Satisfice authors"
project_copyright = "The Satisfice authors; Apache-2.0"
version = release = version_of("satisfice")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "generated",
    "repository_links",
]
exclude_patterns = ["_build", "requirements.txt"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a page generated in part may skip a level

# The docstrings put names in single backticks.
default_role = "code"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
# What the public names import and the documentation does not need; the build environment is small.
autodoc_mock_imports = ["optuna", "pandas", "psutil", "threadpoolctl", "torch"]
# Nothing is loaded from the network, so names outside Satisfice are not resolved.
nitpick_ignore_regex = [
    (r"py:.*", r"(Any|Array|Iterator|Mapping|Sequence|Path|Predict)"),
    (r"py:.*", r"(collections|numpy|np|npt|optuna|pandas|pathlib|torch|typing)\..*"),
    (r"py:.*", r"satisfice\.(domain|tasks|flows)\..*"),
]

html_theme = "furo"
html_title = "Satisfice"
html_static_path = ["_static"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # a page opened from a file may not fetch the others
html_theme_options = {"navigation_with_keys": True}
html_css_files = ["satisfice.css"]
pygments_style = "friendly"
highlight_language = "text"
smartquotes = False  # it would turn the dashes of options into others


def _signature(*found: Any) -> tuple[str, str | None] | None:
    """Write arrays in signatures as the docstrings do, and see through a mocked base class."""
    one, (text, returned) = found[3], found[-2:]
    if text == "(*args: Any, **kwargs: Any)" and "__init__" in vars(one):
        own = inspect.signature(one.__init__, bound_method=True)
        text = inspect.stringify_signature(own, unqualified_typehints=True)
    names = r"~?(?:numpy\.|typing\.)?"
    array = rf"{names}ndarray\[tuple\[{names}Any, \.\.\.\], {names}dtype\[[~\w.]+\]\]"
    return (re.sub(array, "Array", text), returned) if text else None


def setup(app: Sphinx) -> None:
    """Connect what the extensions offer no setting for."""
    app.connect("autodoc-process-signature", _signature)
