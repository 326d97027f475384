"""The error of an import whose extra is not installed: one sentence that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class needs:  # noqa: N801 - reads as a statement
    """A context manager around imports of an extra's package.

        with needs("fastapi"):
            from fastapi import Depends

    If `package` (by default, named like the extra) is not installed, `ModuleNotFoundError` says in one sentence which
    extra to install, and for what: `of`, by default the integration. Errors within an installed package pass through.
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
