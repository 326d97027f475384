"""A selector that can never change is refused, and one that may change never is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from hotconf import Schema, UsageError
from hotconf.config.spelling import selected
from hotconf.keypath import parse
from hotconf.speckit import SPECKIT


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


class Open(BaseModel, extra="allow"):
    known: int = 1


class Root(RootModel[dict[str, int]]):
    pass


class App(BaseModel):
    model_config = ConfigDict(extra="forbid")

    port: int = Field(8000, alias="listen-on")
    either: int = Field(1, validation_alias=AliasChoices("one", "other"))
    pet: Cat | Dog = Cat(kind="cat")
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = []
    by_name: dict[str, Cat] = {}
    opened: Open = Open()
    anything: Any = None
    root: Root = Root({})
    made: Annotated[str, AfterValidator(lambda text: Cat(kind="cat", lives=len(text)))] = ""
    read: Annotated[Cat, BeforeValidator(lambda given: given)] = Cat(kind="cat")
    app: App | None = None


@pytest.mark.parametrize(
    "path",
    [
        "port",
        '"listen-on"',
        "one",
        "other",
        "either",
        "pet.lives",
        "pet.tricks",
        "pets[3].lives",
        "pets[0].tricks[1]",
        "by_name.tom.lives",
        "opened.known",
        "opened.unknown.too",
        "anything.at.all",
        "root.a",
        "made.lives",
        "read.lives",
        "app.app.app.pet.kind",
    ],
)
def test_what_may_change_can_be_followed(path):
    """By the key in the file or the name in the model; where the model leaves it open, anything."""
    selected(parse(path), Schema.of(App))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("prot", 'prot can never change: the model has no prot; did you mean "port"?'),
        ("pet.livse", 'pet.livse can never change: the model has no pet.livse; did you mean "lives"?'),
        ("pets[0].zzz", "pets[0].zzz can never change: the model has no pets[0].zzz"),
        (
            "by_name.tom.live.x",
            'by_name.tom.live.x can never change: the model has no by_name.tom.live; did you mean "lives"?',
        ),
        ("app.app.prot", 'app.app.prot can never change: the model has no app.app.prot; did you mean "port"?'),
    ],
)
def test_what_can_never_change_is_told_to_the_caller(path, text):
    """With the key that is not there, and the one that was meant."""
    with pytest.raises(UsageError) as error:
        selected(parse(path), Schema.of(App))
    assert str(error.value) == text


def test_keys_may_be_spelled_as_in_the_file():
    """With `-`, where files may."""
    assert selected(("quality-gates", "plan"), SPECKIT) == ("quality_gates", "plan")


def test_a_config_that_is_no_model_can_be_followed_anywhere():
    """Nothing is known of it."""
    selected(("a", 0, "b"), Schema.of(dict[str, Any]))
