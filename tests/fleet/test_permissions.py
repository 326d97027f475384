"""A role that lacks something, in an etcd with users: the process or command that needs it says what is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import count

import pytest
from click.testing import CliRunner, Result
from pydantic import BaseModel

from fleet.etcd import Cluster
from hotconf import ConfigError, HotReloadWatcher
from hotconf.cli.app import hotconf
from hotconf.fleet import DeniedError, Etcd, Fleet
from hotconf.fleet.etcd.permissions import Grant, advice, lacking
from hotconf.fleet.etcd.requests import Get, Put, Txn, absent, under
from hotconf.fleet.instance import follower as following
from hotconf.fleet.instance import lease
from hotconf.fleet.instance.watching import ControlWatch
from waiting import wait_until

_numbers = count()
INSTANCE = {"ctl/": "read", "doc/": "read", "vote/web-1/": "readwrite", "instance/web-1/": "readwrite"}
COMMAND = "etcdctl role grant-permission ROLE --prefix=true"


class Config(BaseModel, frozen=True):
    """What the instance reads."""

    port: int = 0


def who(cluster: Cluster, user: str) -> dict[str, object]:
    """How that user gets in."""
    return {"tls": cluster.tls, "user": user, "password": f"{user}-secret"}


def made(cluster: Cluster, granted: dict[str, str]) -> tuple[str, str]:
    """A fleet and a user of its own, whose role has that."""
    name = f"permissions-{next(_numbers)}"
    cluster.add_role(name, name, *((kind, f"/hotconf/{name}/{below}") for below, kind in granted.items()))
    return name, name


def test_each_grant_is_tried_by_itself() -> None:
    """Compared keys are read; what is written and read below one prefix is one grant; many become one."""
    denied = {b"/s/vote/web-1/x", b"/s/doc/7", b"/s/ctl/", b"/s/instance/", b"/s/vote/"}

    def tried(txn: Txn) -> None:
        assert (txn.conditions, txn.then) == ((), ())
        (op,) = txn.otherwise
        assert getattr(op, "lease", 0) == 0
        if op.key in denied:
            raise DeniedError("permission denied")

    mine = b"/s/vote/web-1/x"
    register = Txn((absent(mine),), (Put(mine, b"-", 7), Put(b"/s/instance/web-1/x", b"{}", 7)))
    assert lacking(register, tried) == (Grant("readwrite", b"/s/vote/web-1/"),)
    assert lacking(Txn((), (Get(b"/s/doc/7"),)), tried) == (Grant("read", b"/s/doc/"),)
    everything = Txn((), (under(b"/s/ctl/"), under(b"/s/instance/"), under(b"/s/vote/")))
    assert lacking(everything, tried) == (Grant("read", b"/s/"),)
    assert lacking(Txn((), (Get(b"/s/log/1"),)), tried) == ()


def test_what_to_type_is_said() -> None:
    """One grant as it is typed, of several what they are."""
    assert advice([Grant("read", b"/s/doc/")]) == f"its roles lack read on /s/doc/ ({COMMAND} read /s/doc/)"
    both = advice([Grant("readwrite", b"/s/a/"), Grant("readwrite", b"/s/b/"), Grant("read", b"/s/c/")])
    assert both == f"its roles lack readwrite on /s/a/ and /s/b/, read on /s/c/ ({COMMAND} KIND PREFIX)"


@pytest.mark.real_tool
@pytest.mark.parametrize("below", ["ctl/", "doc/"])
def test_an_instance_that_may_not_read_does_not_start(three_nodes: Cluster, below: str) -> None:
    """It says at once what its user may not read."""
    name, user = made(three_nodes, {key: kind for key, kind in INSTANCE.items() if key != below})
    with Fleet(name, three_nodes.endpoints, **who(three_nodes, "root")) as fleet:  # type: ignore[arg-type]
        fleet.publish(b"port = 1")
    source = Etcd(name, three_nodes.endpoints, instance="web-1", **who(three_nodes, user))  # type: ignore[arg-type]
    said = rf"permission denied \(the user {user}\): its roles lack read on /hotconf/{name}/{below} \({COMMAND}"
    with pytest.raises(ConfigError, match=said):
        HotReloadWatcher(source, Config).start()


@pytest.mark.real_tool
@pytest.mark.parametrize("below", ["vote/web-1/", "instance/web-1/"])
def test_an_instance_that_may_not_take_part_serves(
    three_nodes: Cluster, below: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says what is missing, once, does not retry all the time, and registers as soon as it may."""
    monkeypatch.setattr(following, "TROUBLE_S", 0.2)
    monkeypatch.setattr(lease, "_HELD_S", 0.2)
    monkeypatch.setattr(lease, "_FORBIDDEN_S", 0.2)
    connects: list[object] = []
    connect = ControlWatch._connect
    monkeypatch.setattr(ControlWatch, "_connect", lambda watch: (connects.append(watch), connect(watch)))
    name, user = made(three_nodes, {key: kind for key, kind in INSTANCE.items() if key != below})
    source = Etcd(name, three_nodes.endpoints, instance="web-1", **who(three_nodes, user))  # type: ignore[arg-type]
    with Fleet(name, three_nodes.endpoints, **who(three_nodes, "root")) as fleet:  # type: ignore[arg-type]
        fleet.publish(b"port = 1")
        with caplog.at_level(logging.INFO), HotReloadWatcher(source, Config) as watcher:
            assert watcher.config.port == 1
            trouble = wait_until(lambda: watcher.stats.trouble)
            lacks = f"(the user {user}): its roles lack readwrite on /hotconf/{name}/{below} "
            assert "it is not registered: no status, no vote: " in trouble
            assert lacks in trouble
            assert lacks in watcher.health().reason
            fleet.publish(b"port = 2")
            wait_until(lambda: watcher.config.port == 2)
            assert fleet.status().members == ()
            wait_until(lambda: any(lacks in record.getMessage() for record in caplog.records))
            assert len(connects) <= 2
            three_nodes.ctl(
                "role", "grant-permission", name, "--prefix=true", "readwrite", f"/hotconf/{name}/{below}"
            )
            wait_until(lambda: fleet.status().of("ack"))
            wait_until(lambda: watcher.stats.trouble is None)
            messages = [each.getMessage() for each in caplog.records if each.name == "hotconf.fleet"]
            assert [text.startswith(f"{name}: it is not registered") for text in messages] == [True, False]


@pytest.mark.real_tool
def test_an_instance_that_may_not_read_documents_any_more_refuses(
    three_nodes: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fleet's status says why; it asks once, not all the time, and goes on when it may."""
    monkeypatch.setattr(following, "TROUBLE_S", 0.2)
    connects: list[object] = []
    connect = ControlWatch._connect
    monkeypatch.setattr(ControlWatch, "_connect", lambda watch: (connects.append(watch), connect(watch)))
    name, user = made(three_nodes, INSTANCE)
    source = Etcd(name, three_nodes.endpoints, instance="web-1", **who(three_nodes, user))  # type: ignore[arg-type]
    with Fleet(name, three_nodes.endpoints, **who(three_nodes, "root")) as fleet:  # type: ignore[arg-type]
        fleet.publish(b"port = 1")
        with HotReloadWatcher(source, Config) as watcher:
            wait_until(lambda: fleet.status().of("ack"))
            documents = f"/hotconf/{name}/doc/"
            three_nodes.ctl("role", "revoke-permission", name, "--prefix=true", documents)
            fleet.publish(b"port = 2")
            (refused,) = wait_until(lambda: fleet.status().of("nack"))
            lacks = f"its roles lack read on {documents} "
            assert lacks in refused.reason
            assert lacks in wait_until(lambda: watcher.stats.trouble)
            assert watcher.config.port == 1
            assert len(connects) <= 2
            three_nodes.ctl("role", "grant-permission", name, "--prefix=true", "read", documents)
            assert fleet.wait(fleet.publish(b"port = 3")).everywhere
            wait_until(lambda: watcher.stats.trouble is None)


@pytest.fixture
def typed(three_nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Types a command as a user."""
    tls = three_nodes.tls
    assert tls is not None
    where = ["--endpoints", ",".join(three_nodes.endpoints), "--cacert", str(tls.ca)]
    where += ["--cert", str(tls.cert), "--key-file", str(tls.key)]

    def run(user: str, *arguments: str, text: str = "port = 1") -> Result:
        monkeypatch.setenv("HOTCONF_ETCD_PASSWORD", f"{user}-secret")
        given = ["fleet", *arguments, *where, "--user", user]
        return CliRunner().invoke(hotconf, given, input=text, catch_exceptions=False)

    return run


@pytest.mark.real_tool
def test_commands_say_what_is_missing(three_nodes: Cluster, typed: Callable[..., Result]) -> None:
    """Each in its last line, with the user and the prefix; with the grant, the command works."""
    name, user = made(three_nodes, {"ctl/": "read", "doc/": "read", "log/": "readwrite"})

    def said(*arguments: str) -> str:
        done = typed(user, arguments[0], name, *arguments[1:])
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.splitlines()[-1].startswith("Error: https://127.0.0.1:")
        assert f"permission denied (the user {user}): its roles lack " in done.stderr
        return done.stderr.partition("its roles lack ")[2]

    root = f"/hotconf/{name}"
    with Fleet(name, three_nodes.endpoints, **who(three_nodes, "root")) as fleet:  # type: ignore[arg-type]
        fleet.publish(b"port = 9")
    for command in (("status",), ("publish", "-", "--yes"), ("rollback", "--yes"), ("promote",), ("pause",)):
        assert said(*command).startswith(f"read on {root}/instance/ and {root}/vote/ (")
    three_nodes.ctl("role", "grant-permission", user, "--prefix=true", "read", f"{root}/instance/")
    three_nodes.ctl("role", "grant-permission", user, "--prefix=true", "read", f"{root}/vote/")
    for command in (("pause",), ("resume",)):
        assert said(*command).startswith(f"readwrite on {root}/ctl/ ({COMMAND} readwrite {root}/ctl/)")
    assert said("publish", "-", "--yes").startswith(f"readwrite on {root}/ctl/ and {root}/doc/ (")
    for below in ("ctl/", "doc/"):
        three_nodes.ctl("role", "grant-permission", user, "--prefix=true", "readwrite", f"{root}/{below}")
    assert typed(user, "publish", name, "-", "--yes").exit_code == 0
    watching = typed(user, "status", name, "--watch")
    assert "current: version 2" in watching.stdout
    assert f"its roles lack read on {root}/ (" in watching.stderr
