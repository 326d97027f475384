"""`WatchedFile` as a type: what it is without a watcher, in models, copies, dumps and schemas."""

from __future__ import annotations

import copy
import os
import pickle
import stat
import threading
import warnings
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, FilePath, TypeAdapter, ValidationError

from hotconf import UsageError, WatchedFile, WatchedFileOptions
from hotconf.report.jsonschema import json_schema
from hotconf.schema import Schema

ADAPTER = TypeAdapter(WatchedFile)


class Model(BaseModel):
    model_config = ConfigDict(strict=True)

    cert: WatchedFile
    more: list[WatchedFile] | None = None


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, in which there is a file."""
    (tmp_path / "x.pem").write_bytes(b"CERT\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_watcher_the_file_is_read_at_once(here):
    """Relative to the working directory; by text or path; from JSON, too."""
    given: Any
    for given in ("x.pem", Path("x.pem"), here / "x.pem"):
        model = Model(cert=given, more=[given])
        assert (model.cert.path, model.cert.data, model.cert.text) == (here / "x.pem", b"CERT\n", "CERT\n")
    assert Model.model_validate_json('{"cert": "x.pem"}') == Model.model_validate({"cert": "x.pem"})


def test_without_a_watcher_a_file_that_cannot_be_read_is_a_validation_error(here):
    """It says what is wrong, and where it was looked for."""
    os.mkfifo(here / "pipe")
    for name, text in (
        ("absent", "The file does not exist: "),
        ("pipe", "Cannot read the file: it is a named pipe: "),
    ):
        with pytest.raises(ValidationError) as caught:
            ADAPTER.validate_python(name)
        (error,) = caught.value.errors()
        assert (error["type"], error["msg"]) == ("watched_file", f"{text}{here / name}")


def test_one_that_was_made_is_taken_as_it_is(here):
    """Also by a strict model, in a copy of a model, and in what a dump holds."""
    made = WatchedFile.of(b"x", "some/where.pem")
    model = Model(cert=made)
    assert model.cert is made
    assert Model.model_validate(model.model_dump()).cert is made
    assert model.model_copy(deep=True) == model


def test_one_of_a_test():
    """Bytes or text; no file is read."""
    assert WatchedFile.of("ü").data == "ü".encode()
    assert repr(WatchedFile.of(b"abc")) == "WatchedFile('in-memory', 3 bytes)"
    assert str(WatchedFile.of(b"x", "a")) == "a (1 byte)"
    with WatchedFile.of(b"abc").as_file() as path:
        assert path.read_bytes() == b"abc"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()
    wrong: Any = 3
    with pytest.raises(UsageError, match="data=3: give bytes or str"):
        WatchedFile.of(wrong)
    with pytest.raises(UsageError, match="path=''"):
        WatchedFile.of(b"", "")


def test_it_is_not_made_by_a_call():
    """A path alone would read nothing."""
    made: Any = WatchedFile
    with pytest.raises(TypeError):
        made("x.pem")
    with pytest.raises(TypeError, match=r"WatchedFile\.of"):
        made()


def test_equal_by_path_and_content():
    """As those expect who wait for a change."""
    one = WatchedFile.of(b"x", "a")
    assert one == WatchedFile.of(b"x", "a")
    assert hash(one) == hash(WatchedFile.of(b"x", "a"))
    assert one != WatchedFile.of(b"y", "a")
    assert one != WatchedFile.of(b"x", "b")
    assert one != "a"


def test_copies_and_pickles(here):
    """All are equal; of an immutable value a copy is the value itself."""
    one = ADAPTER.validate_python("x.pem")
    assert copy.copy(one) is one
    assert copy.deepcopy([one])[0] is one
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(one, protocol)) == one


def test_it_cannot_be_changed():
    """As all of a configuration."""
    one: Any = WatchedFile.of(b"x")
    for name in ("_data", "data", "path", "new"):
        with pytest.raises(AttributeError):
            setattr(one, name, b"y")
    with pytest.raises(AttributeError):
        del one._data


def test_text():
    """UTF-8, without a byte order mark; else the line is named that is none."""
    assert WatchedFile.of(b"\xef\xbb\xbfa\n").text == "a\n"
    with pytest.raises(ValueError, match=r"^x is not UTF-8: invalid byte at line 2$"):
        _ = WatchedFile.of(b"a\n\xff", "x").text


def test_a_file_for_each_that_asks():
    """At the same time, whatever happens in between."""
    one = WatchedFile.of(b"x")
    with one.as_file() as first, one.as_file() as second:
        assert first != second
    with pytest.raises(ZeroDivisionError), one.as_file() as third:
        _ = 1 / 0
    assert not any(path.exists() for path in (first, second, third))


def test_dumps(here):
    """For Python the value itself, as JSON the path as it was written; without a warning."""
    model = Model(cert="x.pem")  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.model_dump() == {"cert": model.cert, "more": None}
        assert model.model_dump(mode="json") == {"cert": "x.pem", "more": None}
        assert model.model_dump_json() == '{"cert":"x.pem","more":null}'


def test_json_schema():
    """The path of a file, for editors and in pydantic's own schemas, also where there may be several or none."""
    for mode in ("validation", "serialization"):
        schema = ADAPTER.json_schema(mode=mode)
        assert schema == {"type": "string", "format": "file-path"}
    assert '"cert": {\n      "format": "file-path",\n      "type": "string"\n    }' in json_schema(Schema(Model))
    for files, paths in (
        (list[WatchedFile], list[FilePath]),
        (dict[str, WatchedFile], dict[str, FilePath]),
        (WatchedFile | None, FilePath | None),
    ):
        assert TypeAdapter(files).json_schema() == TypeAdapter(paths).json_schema()


def test_options_are_for_such_fields():
    """Elsewhere they would do nothing."""
    with pytest.raises(UsageError, match="for fields of the type WatchedFile"):
        TypeAdapter(Annotated[str, WatchedFileOptions()])
    wrong: Any = 0
    with pytest.raises(UsageError, match="max_bytes=0"):
        WatchedFileOptions(max_bytes=wrong)
    with pytest.raises(UsageError, match="keep=0"):
        WatchedFileOptions(keep=wrong)


def test_options_keep_what_a_field_says_besides(here):
    """Defaults, limits of arrays, and what else stands around the file."""
    described: Any = Annotated[WatchedFile, Field(description="The chain."), WatchedFileOptions(keep=True)]
    assert TypeAdapter(described).json_schema() == {
        "type": "string",
        "format": "file-path",
        "description": "The chain.",
    }
    kind: Any = Annotated[list[WatchedFile], Field(max_length=1), WatchedFileOptions(max_bytes=4)]
    with pytest.raises(ValidationError, match="too_long"):
        TypeAdapter(kind).validate_python(["x.pem", "x.pem"])
    with pytest.raises(ValidationError, match="The file is larger than 4 bytes"):
        TypeAdapter(kind).validate_python(["x.pem"])


def test_a_file_that_changes_without_a_pause_is_read_whole(here):
    """What is read is of one moment, or there is an error."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (here / "new").write_bytes(bytes([65 + number % 2]) * 50_000)
            (here / "new").rename(here / "x.pem")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            data = ADAPTER.validate_python("x.pem").data
            assert data == b"CERT\n" or (len(data), len(set(data))) == (50_000, 1)
    finally:
        stop.set()
        writer.join()
