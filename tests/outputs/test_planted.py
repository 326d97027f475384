"""One secret in every kind of place, on every kind of occasion, in every output: none contains it."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from random import Random

import pytest

from outputs.planted import (
    BROKEN,
    DATES,
    IN_TEXTS,
    NUMBERS,
    OCCASIONS,
    PLACES,
    SCHEMA,
    UNHEARD,
    URLS,
    VARIABLE,
    leaked,
)
from outputs.scene import OUTPUTS, Scene
from torture.extent import FULL

PLAIN = ("S3cr3t-zq7vK2pX9wLm", "S3cr3t-0bHj4yTn6dRf")
LONG = tuple(f"{secret}-{'abcdefghijklmnopqrstuvwxyz0123456789' * 2}" for secret in PLAIN)
QUOTED = ('p"s\\S3cr3t zq7v', "it's\tS3cr3t#é0bHj")
SHORT = ("q7z", "w8x")
NUMERIC = ("918273645", "546372819")
AWKWARD = ("zq/7vK@2p:X9w#?Lm", "0b#Hj/4y@Tn:6d?Rf")
"""Old and new of each kind."""

CASES = [
    *product(PLACES, [PLAIN]),
    *product(("a key", "a type", "a slip for a word", "text in JSON", "the environment"), [LONG, QUOTED, SHORT]),
    *product(NUMBERS, [NUMERIC]),
    *product(DATES, [("1987-06-05", "1999-12-31")]),
    *product(URLS, [PLAIN]),
    *product(IN_TEXTS, [PLAIN]),
    *product(BROKEN, [PLAIN]),
    *product(("a URL", "a URL as a key", "a URL without a scheme", "an unknown URL"), [AWKWARD]),
]
PUT = PLACES | NUMBERS | DATES | URLS | IN_TEXTS | BROKEN
SLOW = {"watch", "watch as json", "app", "doctor with a probe", "doctor", "doctor as json", "schema", "init"}
FEW = ("changed", "noise: check", "noise: raises", "not closed")


def is_told(output: str, place: str, secrets: tuple[str, str], occasion: str) -> bool:
    """Slow outputs get only some of it. And an error created by pydantic has no frames: a value from the environment,
    under an innocuous name, is unknown until it has been published once.
    """
    if place == "the environment" and occasion == "noise: custom":
        return False
    if place in IN_TEXTS and not (occasion.startswith("noise") or output == "callbacks that raise"):
        return False
    return output not in SLOW or (occasion in FEW and secrets is PLAIN)


ALL = [
    (output, place, secrets, occasion)
    for output, (place, secrets), occasion in product(OUTPUTS, CASES, OCCASIONS)
    if is_told(output, place, secrets, occasion)
]


def chosen() -> list[tuple[str, str, tuple[str, str], str]]:
    """In full a few thousand of all, different ones each time; else some of the quick ones, always the same."""
    if FULL:
        return Random(os.environ.get("HOTCONF_SEED", "1")).sample(ALL, 3000)
    return Random(7).sample([case for case in ALL if case[0] not in SLOW], 60)


def scene(tmp_path: Path, place: str, secrets: tuple[str, str], occasion: str) -> Scene:
    """The old secret in a good file, the new one in what is saved."""
    old, new = (PUT[place](secret) for secret in secrets)
    after = OCCASIONS[occasion](new)
    if place in BROKEN:
        old = PLACES["a key"](secrets[0])
    before = old if place != "a URL as a key" else old.replace('"x"', "2")
    made = Scene(tmp_path / "config.toml", SCHEMA, "outputs.planted:SCHEMA", before.encode(), after.encode())
    made.lay()
    return made


@pytest.mark.parametrize(("output", "place", "secrets", "occasion"), chosen())
def test_a_planted_secret_stays_where_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    place: str,
    secrets: tuple[str, str],
    occasion: str,
) -> None:
    """Neither the old one nor the new one appears, in any spelling, whatever is wrong."""
    monkeypatch.setenv(VARIABLE, secrets[1] if place == "the environment" else "nothing-at-all")
    monkeypatch.setenv(UNHEARD, secrets[1])
    told = OUTPUTS[output](scene(tmp_path, place, secrets, occasion))
    assert [form for secret in secrets for form in leaked(told, secret)] == []
