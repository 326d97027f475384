"""What the model and every layer say about a value, by the JSON Schema and the snapshot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from hotconf.config.coreschema import RESTART
from hotconf.config.restarts.marks import needs_restart
from hotconf.config.shape import shape_of
from hotconf.errors import UsageError
from hotconf.report.explanation import Explainer, spelled
from hotconf.report.jsonschema import json_schema
from hotconf.report.schema_secrets import MARKED
from hotconf.report.template.words import Node, Words
from hotconf.secrets.keys import is_secret_key
from hotconf.snapshot import DEFAULT, LayeredOrigins
from hotconf.tui.view.details import Answer, Description

if TYPE_CHECKING:
    from hotconf.config.shape import Shape
    from hotconf.keypath import KeyPath
    from hotconf.schema import Schema
    from hotconf.snapshot import Snapshot

_Found: TypeAlias = tuple[Node, bool]
"""What the JSON Schema says of a value, and whether the model requires it."""


class Describer:
    """Describes the values of a model's configurations. Made once; used by one thread at a time."""

    def __init__(self, schema: Schema[Any]) -> None:
        self._schema = schema
        try:
            self._root: Node = json.loads(json_schema(schema))
        except UsageError:  # nothing is said of types and limits then
            self._root = {}
        self._words = Words(self._root)
        self._explainer: tuple[Snapshot[Any] | None, Explainer | None] = (None, None)

    def __call__(self, snapshot: Snapshot[Any], path: KeyPath, *, table: bool = False) -> Description:
        """What is known of the value, or the `table`, that is shown at `path`."""
        node, required = self._node(path)
        explainer = self._explains(snapshot)
        layered = isinstance(snapshot.origins, LayeredOrigins)  # of a kept state that may be unknown
        answers = explainer.answers(path) if layered and not table else ()
        words = self._words.of(node)
        return Description(
            notes=explainer.scrub.longer(str(node.get("description", ""))),
            words="" if table and words == "table" else explainer.scrub.longer(words),
            default=next((spelled(each.value) for each in answers if each.origin == DEFAULT), ""),
            required=required,
            restart=RESTART in node or needs_restart(shape_of(self._schema), path),
            secret=node.get(MARKED) is True or (isinstance(path[-1], str) and is_secret_key(path[-1])),
            answers=tuple(Answer(each.origin, spelled(each.value)) for each in reversed(answers)),
        )

    def _explains(self, snapshot: Snapshot[Any]) -> Explainer:
        known, explainer = self._explainer
        if explainer is None or known is not snapshot:
            explainer = Explainer(snapshot, self._schema)
            self._explainer = (snapshot, explainer)
        return explainer

    def _node(self, path: KeyPath) -> _Found:
        node, required = self._root, False
        shape = shape_of(self._schema)
        for part in path:
            node, required = self._under(node, part, shape)
            named = shape.names.get(part) if isinstance(part, str) else None
            shape = shape.child(part) if named is None else named
        return node, required

    def _under(self, node: Node, part: str | int, shape: Shape) -> _Found:
        for each in self._words.alternatives(node):
            if isinstance(part, int):
                items = each.get("prefixItems", ())
                found = items[part] if part < len(items) else each.get("items")
                required = False
            else:
                keys = [part, *(key for key, name in shape.keys.items() if name == part)]
                properties = each.get("properties", {})
                key = next((key for key in keys if key in properties), part)
                found = properties.get(key, each.get("additionalProperties"))
                required = key in each.get("required", ())
            if isinstance(found, dict) and found:
                return self._words.resolved(found), required
        return {}, False
