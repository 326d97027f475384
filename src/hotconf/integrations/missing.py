"""What an import says that needs a package which is not installed: one sentence, with the extra's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class needs:  # noqa: N801 - reads as a statement
    """Inside this context manager the package of an extra is imported.

        with needs("fastapi"):
            from fastapi import Depends

    If `package`, by default of the extra's own name, is not installed, the import raises `ModuleNotFoundError` with
    one sentence that names the extra, and what needs it: `of`, by default the integration. A package that is there
    and lacks something raises what it raises.
    """

    def __init__(self, extra: str, package: str | None = None, *, of: str | None = None) -> None:
        self._extra = extra
        self._package = package or extra
        self._of = of or f"hotconf.integrations.{extra}"

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ModuleNotFoundError) and error.name == self._package:
            text = f"{self._of} needs {self._package}: pip install 'hotconf[{self._extra}]'"
            raise ModuleNotFoundError(text, name=self._package) from None
