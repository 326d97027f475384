"""How Sphinx builds the site: `make docs`, into `.docs/html`."""

from __future__ import annotations

import re

from hotconf import __version__

project = "hotconf"
author = "the hotconf authors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton"]
root_doc = "index"
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["*.py"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
suppress_warnings = ["misc.highlighting_failure"]  # languages that Pygments does not know, such as mermaid

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = "hotconf"
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True, "source_edit_link": ""}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "separated"
default_role = "code"  # docstrings mark code as Markdown does
nitpicky = False
copybutton_exclude = ".linenos, .gp, .go"


def _as_rst(app: object, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:  # noqa: ARG001
    """An indented example after a paragraph is a literal block, and `**`/`*` in code stay as they are."""
    text = "\n".join(lines)
    text = re.sub(r"(?m)^(?=\S)(.+)\n\n(?=    \S)", r"\1\n\n.. code-block:: python\n\n", text)
    lines[:] = text.split("\n")


def setup(app: object) -> None:
    """Sphinx calls it."""
    app.connect("autodoc-process-docstring", _as_rst)  # type: ignore[attr-defined]
