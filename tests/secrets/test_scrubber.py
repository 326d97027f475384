"""Secrets in texts: found in every spelling, in linear time, and nothing else torn up."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from html import escape
from shlex import quote as quoted_for_shells
from time import process_time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.changes import MASK
from hotconf.config.redaction.source_text import SourceText, secret_from, secrets_in_text
from hotconf.secrets.credentials import mask_credentials
from hotconf.secrets.keys import is_secret_key
from hotconf.secrets.scrubber import Scrubber
from hotconf.text import printable, quoted
from torture.extent import some, thinned


def scrub(text: str, secrets: Iterable[str], *, words: bool = False) -> str:
    """`text` without `secrets`."""
    return Scrubber(secrets)(text, words=words)


SPELLINGS = {
    "plain": str,
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "repr": repr,
    "repr of repr": lambda text: repr(repr(text)),
    "printable": printable,
    "TOML": quoted,
    "JSON": json.dumps,
    "JSON as it is": lambda text: json.dumps(text, ensure_ascii=False),
    "percent": quote,
    "percent, all": lambda text: quote(text, safe=""),
    "a form": quote_plus,
    "a shell": quoted_for_shells,
    "percent, twice": lambda text: quote(quote(text, safe="")),
    "HTML": escape,
    "ASCII": lambda text: ascii(text)[1:-1],
    "bytes": lambda text: repr(text.encode())[2:-1],
    "hexadecimal": lambda text: text.encode().hex(),
    "Base64": lambda text: b64encode(text.encode()).decode(),
}

QUOTED = ["hunter2", "p@ss/w?rd#1%", "two\nlines", 'it\'s "x"', "tab\tché", "a b+c&d=e", "Ünïcode"]


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize(
    "secret", ["hunter2", "p@ss/w?rd#1%", "two\nlines", 'it\'s "x"', "tab\tché", "a b+c&d=e", "Ünïcode"]
)
def test_secrets_are_found_however_they_are_spelled(secret: str, spell: object) -> None:
    """By Python, TOML, JSON, shells and URLs, in capitals or not."""
    spelled = spell(secret)  # type: ignore[operator]
    told = scrub(f"could not use <{spelled}>: try again", [secret])
    assert MASK in told
    assert spelled.strip("'\"") not in told
    assert told.startswith("could not use <")
    assert told.endswith(">: try again")


@pytest.mark.parametrize("secret", [*QUOTED, "S3cr3t-zq7vK2pX9wLm", "sk-" + "0123456789abcdef" * 8])
@pytest.mark.parametrize("before", ["", "u", "bo", "bob:", "user:"])
@pytest.mark.parametrize("after", ["", "x", "\n", ", and more"])
def test_secrets_are_found_in_base64_of_what_holds_them(secret: str, before: str, after: str) -> None:
    """As in `Authorization: Basic …`, with one character or two beside them at most."""
    raw = f"{before}{secret}{after}".encode()
    for encode in (b64encode, urlsafe_b64encode):
        told = scrub(f"<{encode(raw).decode()}>", [secret])
        assert len(told.replace(MASK, "").strip("<>=")) <= 4 * (len(before) + len(after)) / 3 + 4


def test_pieces_of_long_secrets_are_found() -> None:
    """As pydantic and others shorten them: the middle is left out, or the end."""
    secret = "".join(f"{n:02d}-" for n in range(40))
    for text in (f"{secret[:25]}...{secret[-24:]}", secret[:30] + "…", "…" + secret[30:60] + "…"):
        told = scrub(text, [secret])
        assert not any(secret[at : at + 4] in told for at in range(len(secret) - 4))


def test_short_secrets_are_found_as_words() -> None:
    """Only on request: in ordinary sentences they would be found inside other words."""
    text = "x1 is not ax1, x1y or x_x1: 'x1', 7"
    assert scrub(text, ["x1", "7"]) == text
    assert scrub(text, ["x1", "7"], words=True) == f"{MASK} is not ax1, x1y or x_x1: '{MASK}', {MASK}"


@given(st.lists(st.text(min_size=1, max_size=30)), st.text(max_size=200))
def test_what_holds_no_secret_stays_as_it_is(secrets: list[str], text: str) -> None:
    """Unless it shows credentials by its form, or a piece of a secret."""
    low = text.casefold()
    pieces = {secret[at : at + 4].casefold() for secret in secrets for at in range(len(secret) - 3)}
    if mask_credentials(text) == text and not any(piece in low for piece in pieces):
        assert scrub(text, [secret for secret in secrets if secret.isalnum()]).count(MASK) == text.count(MASK)


def grows(work: object, *, n: int = 6_000) -> None:
    """`work` of four times as much takes at most 8 times as long, by the best of three, or hardly any time."""
    small, large = (min(_took(work, size) for _ in range(3)) for size in (n, 4 * n))
    assert large < max(8 * small, 0.05)


def _took(work: object, size: int) -> float:
    begin = process_time()
    work(size)  # type: ignore[operator]
    return process_time() - begin


SECRETS = {
    "alike": lambda n: (f"sk-proj-{at:09d}-abcdefghijkl" for at in range(n // 30)),
    "long": lambda n: ("ab" * (n // 20) + str(at) for at in range(10)),
    "of all lengths": lambda n: ("a" * at for at in range(int((2 * n) ** 0.5))),
    "short": lambda n: (f"{at:x}" for at in range(n // 6)),
    "to be quoted": lambda n: (f'"\\{at}' for at in range(n // 10)),
}


@pytest.mark.parametrize("secrets", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("piece", some(["x ...", '"\\', "a", "sk-proj-000000001-abcdefghijkl ", "ab"], 2))
def test_scrubbing_takes_linear_time(secrets: object, piece: str) -> None:
    """In the text and in the secrets, whatever they have in common."""
    grows(lambda n: scrub(piece * (n // len(piece)), secrets(n), words=True))  # type: ignore[operator]


def test_thousands_of_secrets_cost_no_more_for_thousands_of_texts() -> None:
    """They are gone through once."""

    def work(n: int) -> None:
        scrub_all = Scrubber(f"sk-proj-{at:09d}" for at in range(n // 20))
        for at in range(n // 20):
            assert MASK in scrub_all(f"key{at} is now sk-proj-{at:09d}")

    grows(work)


PIECES = [
    *("a", "aB", "A", "a=", '"', 'a="', "a='b=\"", "a='\\", "//", "//a:", "//a:b@", "://", "://a", "://a@", "://a:b"),
    *("@", "a@", "a:", ":", "=", "Bearer ", "Bearer a", "Authorization: ", "\\", '\\"', "[", "a.", "a  ", "token="),
    *("token:\n ", "token is ", "token=[\\", ";Pwd=a ", "://a:b c@", "('token', '"),
    *("X-Key: ", "token: a", "token:", "X-", "Cookie: \n", 'token:"'),
    *("a=", "token=a=", "a=token,", "%3D", "a%3Dtoken%3D", '"token": [', '"a": {', "token=[a="),
    *("token='\\", "http://u:p@h ", "[:", '"a":', "/", "?", "#", "\n", " ", "a.b", '"a"."', "1", "//1:1/", "//:1@"),
]


@pytest.mark.parametrize("piece", thinned(PIECES, 3, 0))
def test_no_pattern_is_slow(piece: str) -> None:
    """Keys, lines and texts that repeat anything are judged in linear time."""
    for text in (lambda n: piece * (n // len(piece)), lambda n: "x://" + piece * (n // len(piece)) + 'B = "x"'):
        grows(lambda n, text=text: is_secret_key(text(n)))
        grows(lambda n, text=text: secret_from(text(n), ("a", "b"), broken=True, keys={"k", "k="}))
        grows(lambda n, text=text: scrub(text(n), (), words=True))


@pytest.mark.parametrize("piece", ["a = 1, ", 'password = "x" ', '"', "[", "k = ["])
def test_long_lines_are_judged_once(piece: str) -> None:
    """However many problems there are on one, and in text that is not TOML."""

    def work(n: int) -> None:
        source = SourceText(piece * (n // len(piece)), Scrubber(["S3cr3t-zq7v"]), {"k"})
        for at in range(0, n, 20):
            source.shown(0)
            source.offset(0, at)

    grows(work)
    grows(lambda n: secrets_in_text(piece * (n // len(piece))))
