"""The README's program does what it says, and so do the examples of the page on several files."""

import importlib.util
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

from docs.examples import ROOT, blocks
from hotconf.inspection.inspect import inspect
from hotconf.sources.base import Options
from hotconf.speckit import SPECKIT

README = "README.md"
FRAGMENTS = "docs/fragments.md"


def test_there_are_examples():
    """There are Python and TOML examples for the tests below to run."""
    assert blocks(README, "python")
    assert blocks(FRAGMENTS, "toml")


def test_its_links_lead_somewhere():
    """To files, and to headings in them."""
    links = re.findall(r"\]\(([\w./-]+)(?:#([\w-]+))?\)", (ROOT / README).read_text(encoding="utf-8"))
    assert len(links) > 20
    for path, anchor in links:
        text = (ROOT / path).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, f"{path}#{anchor}"


def test_it_is_a_screen_or_two():
    """The rest is in the documentation."""
    assert len((ROOT / README).read_text(encoding="utf-8").splitlines()) <= 120


def _recording() -> ModuleType:
    """The script that draws the picture."""
    spec = importlib.util.spec_from_file_location("recording", ROOT / "docs" / "recording.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_program_prints_what_the_readme_and_its_picture_show():
    """It runs as it stands, while its file is saved well and badly; the picture is that of this run."""
    recording = _recording()
    steps = recording.record()
    [output] = blocks(README, "text")
    assert recording.printed(steps) == output
    assert _texts(recording.drawn(steps)) == _texts(recording.PICTURE.read_text(encoding="utf-8"))
    assert f"]({recording.PICTURE.relative_to(ROOT)})" in (ROOT / README).read_text(encoding="utf-8")


def _texts(svg: str) -> list[str]:
    """What a reader of the picture reads."""
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter() if text.tag.endswith("text")]


@pytest.mark.parametrize("block", blocks(FRAGMENTS, "toml"))
def test_toml_examples_are_valid(block: str, tmp_path: Path):
    """Each TOML example is a valid configuration for the commands."""
    path = tmp_path / "config.toml"
    path.write_text(block)
    assert inspect(Options(path, SPECKIT)).problems == ()
