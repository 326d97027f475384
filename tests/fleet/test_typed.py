"""Commands that reach the fleet which the program follows: parsed by the command line itself."""

from __future__ import annotations

import shlex
import ssl
from collections.abc import Callable
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.cli.fleet import remote
from hotconf.fleet import TLS, Etcd
from hotconf.fleet.typed import command_line, folded

URL = "https://etcd1.example.com:2379"


def parsed(line: str, environment: dict[str, str]) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    """What that command, typed with this environment, is for: the name, how it is reached, and its other words."""
    found: list[tuple[Any, tuple[str, ...]]] = []

    @click.command()
    @remote.fleet_command
    @click.argument("more", nargs=-1)
    def typed(remote: Any, more: tuple[str, ...]) -> None:
        found.append((remote, more))

    with pytest.MonkeyPatch.context() as patch:
        for name in ("ENDPOINTS", "PREFIX", "CACERT", "CERT", "KEY", "USER", "PASSWORD", "PASSWORD_FILE"):
            patch.delenv(f"HOTCONF_ETCD_{name}", raising=False)
        for name, value in ({"HOTCONF_ETCD_PASSWORD": "typed"} | environment).items():
            patch.setenv(name, value)
        hotconf, fleet, _, *words = shlex.split(line)
        assert (hotconf, fleet) == ("hotconf", "fleet")
        typed.main(words, standalone_mode=False)
    reached, more = found[0]
    return reached.name, reached.arguments, more


PARTS = {
    "endpoints": (URL, [URL, "https://etcd2.example.com:2379"]),
    "prefix": ("/hotconf", "/config"),
    "user": (None, "ann", "o'neil"),
    "tls": (None, TLS(), TLS("ca.pem"), TLS("my ca.pem", "c.pem", "c.key")),
    "insecure": (False, True),
}
SAID = {
    "HOTCONF_ETCD_ENDPOINTS": ("", URL, "http://127.0.0.1:1"),
    "HOTCONF_ETCD_PREFIX": ("", "/hotconf", "/other"),
    "HOTCONF_ETCD_CACERT": ("", "ca.pem", "other.pem"),
    "HOTCONF_ETCD_USER": ("", "ann", "operator"),
}


def choices(of: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One of each."""
    return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in of.items()})


@given(choices(PARTS), choices(SAID))
def test_a_pasted_command_reaches_the_same_fleet(program: dict[str, Any], environment: dict[str, str]) -> None:
    """Whatever the program uses and the environment says; the operator's own user stays, and no password is shown."""
    endpoints = [program["endpoints"]] if isinstance(program["endpoints"], str) else program["endpoints"]
    reached = {"name": "shop/prod", "password": "hunter2"} | program | {"endpoints": endpoints}
    line = command_line(reached, environment, "rollback", "12")
    assert "hunter2" not in line
    name, arguments, more = parsed(line, environment)
    assert (name, more) == ("shop/prod", ("12",))
    assert arguments["endpoints"].split(",") == endpoints
    assert (arguments["prefix"], arguments["insecure"]) == (program["prefix"], program["insecure"])
    assert arguments["user"] == (environment["HOTCONF_ETCD_USER"] or program["user"])
    if (wanted := program["tls"]) is not None and wanted.ca is not None:
        assert [str(each) for each in (arguments["tls"].ca, wanted.cert, wanted.key)] == [
            str(each) for each in (wanted.ca, arguments["tls"].cert, arguments["tls"].key)
        ]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: Etcd("shop", "127.0.0.1:1"), "hotconf fleet pause shop --endpoints http://127.0.0.1:1"),
        (
            lambda: Etcd("shop", "localhost", tls=ssl.create_default_context(), user="web", password="hunter2"),
            "hotconf fleet pause shop --endpoints https://localhost:2379 --user web --cacert FILE",
        ),
    ],
)
def test_as_a_source_is_made(made: Callable[[], Etcd], expected: str) -> None:
    """Endpoints are whole URLs: what they mean without a scheme depends on the rest."""
    assert command_line(made().reached, {}, "pause") == expected


@given(st.lists(st.text("a b'-", min_size=1, max_size=30), min_size=1, max_size=12), st.integers(20, 100))
def test_a_folded_command_is_the_same(words: list[str], room: int) -> None:
    """A shell reads the lines as one; each fits, unless a word does not."""
    line = shlex.join(words)
    lines = list(folded(line, room))
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == words
    longest = max(len(shlex.quote(word)) for word in words)
    assert max(map(len, lines)) <= max(room, longest + 4)
