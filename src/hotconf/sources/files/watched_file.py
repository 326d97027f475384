"""`WatchedFile`: a field whose value names a file, and holds what is in it. Imported only if a model has one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import PydanticCustomError, core_schema

from hotconf import arguments
from hotconf.config.coreschema import FILE, WATCHED_FILE, names_file
from hotconf.config.decoding.located import Located
from hotconf.errors import UsageError
from hotconf.sources.files import named
from hotconf.sources.files.named import MOST_BYTES, Terms
from hotconf.text import printable

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_LONGEST: Final = 4096
_MEMORY: Final = "in-memory"
_NO_PATH: Final = "Not the path of a file"
_SEARCHED: Final = 1 << 14
_BREAKS: Final = frozenset("\0\n\r")
_PRIVATE: Final = b"PRIVATE KEY-----"


class WatchedFile:
    """The type of a field whose value is the path of a file: a certificate, a key, a prompt, a template.

        class Tls(BaseModel):
            cert: WatchedFile

    The value holds the bytes that the file had when the configuration was loaded: they are read, compared and watched
    with the configuration, as one state, so that a change of the file is a reload. A relative path is relative to the
    configuration file that says so; from elsewhere (variables, flags, defaults outside of files) see the
    documentation. Immutable; equal if path and bytes are. Neither `repr` nor `str` show the content.

    A model that is validated without a watcher reads the file at once, relative to the working directory.
    """

    __slots__ = ("_data", "_name", "_path")

    _data: bytes
    _name: str
    _path: Path

    def __init__(self) -> None:
        """Raises `TypeError`: the field takes a path; for tests there is `WatchedFile.of(data)`."""
        raise TypeError("a WatchedFile is created from a path in a configuration; in tests, by WatchedFile.of(data)")

    @classmethod
    def of(cls, data: bytes | str, path: str | os.PathLike[str] = _MEMORY) -> WatchedFile:
        """One with this data, for tests; text becomes UTF-8. No file is read. `path`: the path that it reports."""
        if not isinstance(data, bytes | str):
            raise arguments.wrong("data", data, "bytes or str")
        name = arguments.path("path", path)
        return _made(data.encode() if isinstance(data, str) else data, name, Path(name))

    @property
    def path(self) -> Path:
        """Where it was read, absolute; symlinks are not resolved. The file may have changed since."""
        return self._path

    @property
    def data(self) -> bytes:
        """What it held when the configuration was loaded."""
        return self._data

    @property
    def text(self) -> str:
        """The same as text, without a byte order mark. Raises `ValueError` if it is not UTF-8."""
        try:
            return self._data.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = self._data.count(b"\n", 0, error.start) + 1
            raise ValueError(f"{printable(self._name)} is not UTF-8: invalid byte at line {line}") from None

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self._data)

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """A file of the same name that holds `data`, for code that takes only paths, such as `load_cert_chain`.

        Its owner alone may read it (mode 0600, in a directory of its own), and it is removed at the end.
        """
        directory = Path(tempfile.mkdtemp(prefix="hotconf-"))
        try:
            path = directory / (self._path.name or "file")
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(self._data)
            yield path
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WatchedFile):
            return NotImplemented
        return self._path == other._path and self._data == other._data

    def __hash__(self) -> int:
        return hash((self._path, self._data))

    def __repr__(self) -> str:
        """The path as it was written, and the size; never the content."""
        return f"WatchedFile({self._name!r}, {_bytes(self._data)})"

    def __str__(self) -> str:
        return f"{printable(self._name)} ({_bytes(self._data)})"

    def __copy__(self) -> WatchedFile:
        return self

    def __deepcopy__(self, memo: object) -> WatchedFile:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self._data, self._name, self._path)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} cannot be assigned: change the file")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name} cannot be deleted")

    def _secret_text(self, by_key: bool) -> str:
        """The content as far as messages are searched for it, if it is secret: `by_key`, or because of what it is."""
        data = self._data[:_SEARCHED]
        return data.decode("utf-8", "replace") if by_key or _PRIVATE in data else ""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _schema(Terms())


@dataclass(frozen=True, slots=True)
class WatchedFileOptions:
    """How the files of a field are read: `Annotated[WatchedFile, WatchedFileOptions(keep=True)]`.

    Also around `WatchedFile | None`, lists and tables of it.
    """

    keep: bool = False
    """The bytes are kept with each state in `state_dir`, and used when the program starts on that state. Without it
    the file is read as it is then."""
    max_bytes: int = MOST_BYTES
    """Larger files are refused."""

    def __post_init__(self) -> None:
        """Raises `UsageError` for what cannot work."""
        arguments.flag("keep", self.keep)
        arguments.whole("max_bytes", self.max_bytes, 1)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler | None = None) -> CoreSchema:
        """With these options for each `WatchedFile` in it."""
        if handler is None:  # it is called on the class
            raise UsageError(
                "WatchedFileOptions without parentheses: write WatchedFileOptions(keep=True), for instance"
            )
        schema: Any = handler(source)
        given = _with(schema, _schema(Terms(self.max_bytes, self.keep)))
        if given is schema:
            raise UsageError("WatchedFileOptions is for fields of the type WatchedFile")
        return given  # type: ignore[no-any-return]  # as it was


def _with(node: Any, file: Any) -> Any:
    """`node` in which each schema of a file reads it as `file` does; the same object if there is none."""
    if isinstance(node, dict):
        if node.get("type") == "function-wrap" and names_file(node["schema"]):
            return {**node, "function": file["function"]}
        changed = {key: _with(value, file) for key, value in node.items() if isinstance(value, dict | list)}
        return {**node, **changed} if any(changed[key] is not node[key] for key in changed) else node
    if isinstance(node, list | tuple):
        items = [_with(item, file) for item in node]
        return type(node)(items) if any(item is not other for item, other in zip(items, node, strict=True)) else node
    return node


def _schema(terms: Terms) -> CoreSchema:
    def watched_file(value: object, handler: Callable[[object], str]) -> WatchedFile:
        return value if isinstance(value, WatchedFile) else _read(value, handler, terms)

    def written(value: Any, info: core_schema.SerializationInfo) -> Any:
        return value._name if info.mode_is_json() and isinstance(value, WatchedFile) else value

    return core_schema.no_info_wrap_validator_function(
        watched_file,
        core_schema.str_schema(metadata={**FILE, "pydantic_js_updates": {"format": "file-path"}}),
        serialization=core_schema.plain_serializer_function_ser_schema(written, info_arg=True),
    )


def _read(value: object, handler: Callable[[object], str], terms: Terms) -> WatchedFile:
    base = value.base if isinstance(value, Located) else None
    name = handler(str(value) if isinstance(value, PurePath) else value)
    if not name or len(name) > _LONGEST or not _BREAKS.isdisjoint(name):
        raise _refused("unreadable", _NO_PATH, "")  # it may be what is in a file, and so secret
    try:
        found = named.read(name, base, terms)
    except UsageError as error:
        raise _refused("unreadable", _NO_PATH, str(error)) from None
    if (problem := found.problem) is not None:
        raise _refused(problem.kind, problem.message, printable(str(found.path)))
    if len(found.data) > terms.max_bytes:
        raise _refused("too_large", f"The file is larger than {terms.max_bytes} bytes", printable(str(found.path)))
    return _made(found.data, name, found.path)


def _refused(kind: str, reason: str, path: str) -> PydanticCustomError:
    template = "{reason}: {path}" if path else "{reason}"
    return PydanticCustomError(WATCHED_FILE, template, {"kind": kind, "reason": reason, "path": path})


def _bytes(data: bytes) -> str:
    return "1 byte" if len(data) == 1 else f"{len(data)} bytes"


def _made(data: bytes, name: str, path: Path) -> WatchedFile:
    made = object.__new__(WatchedFile)
    for attribute, value in (("_data", data), ("_name", name), ("_path", path)):
        object.__setattr__(made, attribute, value)
    return made
