"""Where etcd is: what is refused before any contact."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hotconf.errors import UsageError
from hotconf.fleet import Fleet
from hotconf.fleet.etcd.access import TLS, access


@pytest.mark.parametrize(
    ("given", "endpoints"),
    [
        ("127.0.0.1:2379", ["http://127.0.0.1:2379"]),
        ("localhost,[::1]:1", ["http://localhost:2379", "http://[::1]:1"]),
        ("etcd.example.com", ["https://etcd.example.com:2379"]),
        (["https://A:1/", "https://a:1"], ["https://a:1"]),
    ],
)
def test_endpoints_are_urls_or_hosts(given: str | list[str], endpoints: list[str]) -> None:
    """Without a scheme they are encrypted, but on loopback."""
    assert list(map(str, access(given).endpoints)) == endpoints


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"endpoints": []}, "at least one URL"),
        ({"endpoints": [1]}, "endpoints=1: give a URL"),
        ({"endpoints": "ftp://a"}, "give a URL"),
        ({"endpoints": "https://a/path"}, "give a URL"),
        ({"endpoints": "https://a:b"}, "give a URL"),
        *(
            ({"endpoints": given}, "not in the URL")
            for password in (
                "swordfish",
                "12#swordfish",
                "12/swordfish",
                "1?swordfish",
                "sword,swordfish",
                "@swordfish",
            )
            for scheme in ("https://", "http://", "ftp://", "//", "")
            for given in (
                f"{scheme}me:{password}@a",
                f"b,{scheme}me:{password}@a:x",
                [f"{scheme}[me:{password}@a", "b"],
            )
        ),
        ({"endpoints": "http://a"}, "plain text over a network"),
        ({"endpoints": "http://10.0.0.1:1"}, "plain text over a network"),
        ({"endpoints": "a", "user": "me"}, "give both or neither"),
        ({"endpoints": "a", "password": "swordfish"}, "give both or neither"),
        ({"endpoints": "a", "user": "", "password": "swordfish"}, "the name of a user"),
        ({"endpoints": "a", "user": "me", "password": b"swordfish"}, "give a str"),
        ({"endpoints": "a", "tls": True}, "give hotconf.fleet.TLS"),
        ({"endpoints": "a", "tls": TLS(ca="/nowhere/ca.pem")}, "/nowhere/ca.pem cannot be used"),
        ({"endpoints": "a", "tls": TLS(key="/nowhere/key.pem")}, "a key needs its certificate"),
        ({"endpoints": "http://a"}, "insecure=True (--insecure)"),
        ({"endpoints": "a", "insecure": 1}, "True or False"),
    ],
)
def test_what_cannot_work_is_refused_at_once(arguments: dict[str, object], said: str) -> None:
    """In one line that says what to give, without the password."""
    with pytest.raises(UsageError) as raised:
        access(**arguments)  # type: ignore[arg-type]
    assert said in str(raised.value)
    assert "swordfish" not in str(raised.value)


def test_plain_text_over_a_network_has_to_be_asked_for() -> None:
    """And is then known as that."""
    made = access(["http://10.0.0.1:1", "127.0.0.1"], insecure=True)
    assert [str(each) for each in made.exposed] == ["http://10.0.0.1:1"]


def test_certificates_that_are_none(tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(UsageError, match=r"ca\.pem cannot be used"):
        access("a", tls=TLS(ca=str(tmp_path / "ca.pem")))
    ours, none = str(tmp_path / "ca.pem"), "/nowhere/a.key"
    with pytest.raises(UsageError, match=r"^tls: /nowhere/a\.key cannot be used: no such file$"):
        access("a", tls=TLS(cert=ours, key=none))
    with pytest.raises(UsageError, match=r"ca\.pem cannot be used"):
        access("a", tls=TLS(cert=ours))


def test_an_encrypted_key_asks_nothing_on_the_terminal(tmp_path: Path) -> None:
    """A service has nobody who could type its passphrase."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", "k.pem", "-out", "c.pem", "-subj", "/O=x"]
    subprocess.run([*command, "-passout", "pass:swordfish"], cwd=tmp_path, check=True, capture_output=True)
    with pytest.raises(UsageError, match=r"k\.pem is encrypted: give a key without a passphrase"):
        access("a", tls=TLS(cert=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem")))


def test_a_password_is_never_shown() -> None:
    """Neither as a text nor by a function, which is asked each time."""
    passwords = iter(["one", "two"])
    made = access("a", user="me", password=lambda: next(passwords))
    assert "one" not in repr(made)
    assert [made.secret(), made.secret()] == ["one", "two"]
    assert "swordfish" not in repr(access("a", user="me", password="swordfish"))


def test_who_publishes() -> None:
    """The name that is given, else etcd's user, else the login."""
    arguments = {"endpoints": "127.0.0.1:1"}
    assert Fleet("a", **arguments, user="ann", password="x").by.startswith("ann@")
    assert "@" in Fleet("a", **arguments).by
    assert Fleet("a", **arguments, by="build 7").by == "build 7"
