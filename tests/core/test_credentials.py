"""What is recognised as a credential by its form, and what is not."""

from __future__ import annotations

import ast
from pathlib import Path

import hotconf
from hotconf.core.credentials import mask_credentials


def _texts(path: Path) -> list[str]:
    """The string literals of one module, without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs)
    return [node.value for node in constants if isinstance(node.value, str)]


def test_no_message_of_our_own_is_masked() -> None:
    """The words that hotconf itself writes get through the mask unchanged."""
    modules = sorted(Path(hotconf.__file__).parent.rglob("*.py"))
    texts = [text for path in modules if path.name != "credentials.py" for text in _texts(path)]
    assert len(texts) > 1000
    assert [text for text in texts if mask_credentials(text) != text] == []
