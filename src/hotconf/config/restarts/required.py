"""`RestartRequired`: marks the values whose changes need a restart. Imported only if a model has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotconf.config.coreschema import RESTART

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class RestartRequired:
    """A change of this value takes effect with the next start: `Annotated[int, RestartRequired()]`.

        class Server(BaseModel):
            port: Annotated[int, RestartRequired()] = 8000

    The configuration keeps the value that it was first published with, whatever the files say later; pending changes
    are in `watcher.pending_restart`. Both the values in the files and those that are kept are validated. A nested
    model is kept as a whole, and so is a list that holds such values. `watcher.override` sets it all the same.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """As it is written."""
        return "RestartRequired()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RestartRequired) or NotImplemented

    def __hash__(self) -> int:
        return hash(RestartRequired)

    @classmethod  # so that the parentheses may be left out
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The same schema, marked."""
        schema: Any = handler(source)
        known = schema.get("metadata") or {}
        updates = {**known.get("pydantic_js_updates", {}), RESTART: True}
        return {**schema, "metadata": {**known, "pydantic_js_updates": updates}}
