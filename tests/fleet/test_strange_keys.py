"""Keys that no hotconf of now has written: they stop nobody, and each is named with what to do about it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from fleet.etcd import Cluster
from fleet.simulated import Simulated
from fleet.test_records import CURRENT, RECORDS
from hotconf import ConfigError, HotReloadWatcher
from hotconf.cli.app import hotconf
from hotconf.fleet import AbortedError, ConflictError, Etcd, Fleet, FleetError
from hotconf.fleet.etcd.access import access
from hotconf.fleet.etcd.gateway import Gateway
from hotconf.fleet.etcd.requests import Delete, Get, Pair, Put, Seen, Txn
from hotconf.fleet.instance import follower as following
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.publishing.reading import State
from waiting import wait_until

_numbers = count()
KEYS = Keys.of("shop")
CONTROL = ("ctl/current", "ctl/offer", "ctl/pause")
OTHERS = (
    *("log/000000000001", "log/000000000002", "log/000000000007", "log/999999999999", "log/9", "log/zzz", "log/0000"),
    *("instance/web-1/1", "instance/x", "vote/web-1/1", "vote/x/1", "doc/1", "doc/zzz", "doc/999999999999", "ctl/x"),
)
PLACES = (*CONTROL, *OTHERS)
LATER = CURRENT.encode()[:-1] + b',"action":"split"}'
"""A record of a later hotconf, which has an act that this one does not know."""


class Config(BaseModel, frozen=True):
    """What the instances read."""

    port: int = 0


def damaged(source: random.Random) -> bytes:
    """Something that could stand at any key: garbage, or a record that is cut off, longer, or changed somewhere."""
    valid = source.choice(RECORDS).encode()
    at = source.randrange(len(valid))
    return source.choice(
        (
            source.randbytes(source.randrange(40)),
            valid,
            valid[:at],
            valid + valid[at:],
            valid[:at] + source.randbytes(1) + valid[at + 1 :],
            source.choice((b"", b"null", b"[]", b"{}", b'"x"', b"[" * 50_000, b"1e999", b'{"epoch":1e3}', LATER)),
            valid.replace(b"12", b"9" * source.randrange(1, 30)),
        )
    )


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 10**9)), max_size=12))
def test_whatever_is_there_is_read(written: list[tuple[str, int]]) -> None:
    """The state of a fleet has a status, a next epoch and a next version, and names what it does not understand."""
    state = State(KEYS, 1)
    for revision, (place, seed) in enumerate(written, 2):
        key, value = KEYS.root + place.encode(), damaged(random.Random(seed))
        pairs = (Pair(key, value, revision, revision),)
        state.apply(Seen(revision, pairs) if seed % 7 else Seen(revision, (), (key,)))
    status = state.status
    assert int(state.version) > 0
    assert 0 < state.epoch <= 10**11 + 1
    for pair, understood in ((state.current, status.current), (state.offer, status.offer)):
        named = pair is not None and any(each.key == pair.key.decode() for each in status.unreadable)
        assert named == (pair is not None and understood is None)
    assert (state.pause is None) == (status.pause is None)
    assert "\n" not in "".join(map(str, status.unreadable))


Put_ = Callable[[str, bytes], None]
Run = Callable[..., Result]


@pytest.fixture
def fleet(one_node: Cluster) -> Iterator[Fleet]:
    """A fleet in which two documents were published."""
    with Fleet(f"strange-{next(_numbers)}", one_node.endpoints, by="me") as made:
        made.publish(b"port = 1")
        made.publish(b"port = 2")
        yield made


@pytest.fixture
def put(one_node: Cluster, fleet: Fleet) -> Iterator[Put_]:
    """Writes a key of it."""
    with Gateway(access(one_node.endpoints)) as gateway:
        root = Keys.of(fleet.name).root
        yield lambda place, value: gateway.commit(Txn((), (Put(root + place.encode(), value),))) and None


@pytest.fixture
def run(one_node: Cluster, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Types `hotconf fleet COMMAND NAME …`."""
    monkeypatch.setenv("HOTCONF_ETCD_ENDPOINTS", ",".join(one_node.endpoints))
    monkeypatch.delenv("HOTCONF_APP", raising=False)
    monkeypatch.chdir(tmp_path)

    def typed(command: str, *arguments: str, text: str | None = None) -> Result:
        given = ["fleet", command, fleet.name, *arguments]
        return CliRunner().invoke(hotconf, given, input=text, catch_exceptions=False)

    return typed


@pytest.mark.real_tool
@pytest.mark.parametrize("seed", range(12))
def test_every_command_works_or_says_which_key_is_wrong(fleet: Fleet, put: Put_, run: Run, seed: int) -> None:
    """Looking always works; a publish may be refused, with the key and the way out; and the way out is one."""
    source = random.Random(seed)
    for place in source.sample(PLACES, source.randrange(1, 6)):
        put(place, damaged(source))
    found = json.loads(run("status", "--json").stdout)
    broken = [problem["key"] for problem in found["problems"] if "/ctl/" in problem["key"]]
    named = run("status").stdout
    assert all(f"problem: {key} holds no record of a fleet: " in named for key in broken)
    assert run("history").exit_code == 0
    for number, command in enumerate((("publish", "-", "--yes"), ("promote",), ("show",), ("prune", "--yes"))):
        done = run(*command, text=f"port = {number + 10}")
        assert done.exit_code in (0, 1, 2)
        assert done.exit_code == 0 or len(done.stderr.splitlines()[-1]) > 10
    assert run("resume").exit_code == 0
    out = run("publish", "-", "--yes", "--override", text="port = 99")
    assert out.exit_code == 0, out.output
    back = run("rollback", "--yes")
    assert back.exit_code == 0 or "has no version before" in back.stderr, back.output
    found = json.loads(run("status", "--json").stdout)
    assert found["current"] is not None
    assert not [problem for problem in found["problems"] if "/ctl/" in problem["key"]]


@pytest.mark.real_tool
@pytest.mark.parametrize(
    ("place", "way_out"), [("ctl/current", "rollback"), ("ctl/offer", "rollback"), ("ctl/pause", "resume")]
)
@pytest.mark.parametrize("value", [b"swordfish", b"", b"[1]"])
def test_a_strange_control_key_is_named_and_what_it_says_works(
    fleet: Fleet, put: Put_, run: Run, place: str, way_out: str, value: bytes
) -> None:
    """The advice is typed as it stands."""
    put(place, value)
    status = run("status")
    assert status.exit_code == 1
    line = next(line for line in status.stdout.splitlines() if line.startswith("problem: "))
    key = f"/hotconf/{fleet.name}/{place}"
    assert line.startswith(f"problem: {key} holds no record of a fleet: ")
    assert "swordfish" not in status.stdout
    assert f"`hotconf fleet {way_out} {fleet.name}`" in line
    if place != "ctl/pause":
        refused = run("publish", "-", "--yes", text="port = 3")
        assert refused.exit_code == 1
        assert f"{key} holds no record of a fleet: " in refused.stderr
        with pytest.raises(ConflictError, match=key):
            fleet.publish_all_or_nothing(b"port = 3")
    assert run(way_out, *(("--yes",) if way_out == "rollback" else ())).exit_code == 0
    assert fleet.status().unreadable == ()
    current = fleet.status().current
    assert current is not None
    assert current.version == {"ctl/current": "2", "ctl/offer": "1", "ctl/pause": "2"}[place]


@pytest.mark.real_tool
def test_an_instance_goes_on(fleet: Fleet, put: Put_, one_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps what it serves, says which key is wrong, and follows what is published next."""
    monkeypatch.setattr(following, "TROUBLE_S", 0.2)
    source = random.Random(1)
    with HotReloadWatcher(Etcd(fleet.name, one_node.endpoints, instance="web-1"), Config) as watcher:
        wait_until(lambda: fleet.status().of("ack"))
        for port in range(3, 15):
            for place in PLACES:
                value = damaged(source) if not place.startswith("ctl/current") else b"swordfish"
                put(place, value)
            trouble = wait_until(lambda: watcher.stats.trouble)
            assert "/ctl/current holds no record of a fleet: processes keep what they serve" in trouble
            assert "swordfish" not in trouble
            fleet.resume()
            fleet.publish(f"port = {port}".encode(), override=True)
            wait_until(lambda port=port: watcher.config.port == port)
            wait_until(lambda: watcher.stats.trouble is None)
        wait_until(lambda: [each for each in fleet.status().of("ack") if each.epoch == fleet.history(1)[0].epoch])


@pytest.mark.real_tool
def test_an_instance_does_not_start_on_what_it_does_not_understand(
    fleet: Fleet, put: Put_, one_node: Cluster
) -> None:
    """It says which key is wrong, and waits for nothing."""
    put("ctl/current", b"swordfish")
    for source in (Etcd(fleet.name, one_node.endpoints), Etcd(fleet.name, one_node.endpoints).as_observer()):
        with pytest.raises(ConfigError, match="/ctl/current holds no record of a fleet") as raised:
            HotReloadWatcher(source, Config).start()
        assert "swordfish" not in str(raised.value)


@pytest.mark.real_tool
def test_a_vote_of_no_process_is_named(fleet: Fleet, put: Put_, one_node: Cluster) -> None:
    """All-or-nothing publishes wait for it: who publishes learns what to delete."""
    with ExitStack() as stack:
        stack.enter_context(Simulated(access(one_node.endpoints), Keys.of(fleet.name), "web-1"))
        put("vote/web-9/1", b"-")
        key = f"/hotconf/{fleet.name}/vote/web-9/1"
        with pytest.raises(AbortedError, match=f"{key} holds no record of a fleet: .* `etcdctl del {key}`"):
            fleet.publish_all_or_nothing(b"port = 3", wait_s=1)
        one_node.ctl("del", key)
        for place in ("log/999999999999", "log/zzz", "instance/web-9/1"):  # none is in its way
            put(place, b"swordfish")
        assert fleet.publish_all_or_nothing(b"port = 3").epoch == 3
        assert {each.key.rpartition("/")[2] for each in fleet.status().unreadable} == {"999999999999", "zzz", "1"}


@pytest.mark.real_tool
def test_entries_that_are_not_understood_are_skipped(fleet: Fleet, put: Put_, run: Run, one_node: Cluster) -> None:
    """History names them, prune deletes nothing while they are there, and what is older can be gone back to."""
    put("log/000000000002", LATER)
    done = run("history")
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["1"]
    assert f"problem: /hotconf/{fleet.name}/log/000000000002 holds no record of a fleet: skipped" in done.stderr
    with pytest.raises(FleetError, match="log/000000000002 holds no record of a fleet"):
        fleet.prune(2)
    assert fleet.rollback("1").epoch == 3


@pytest.mark.real_tool
def test_records_that_are_understood_again_are_no_problem(fleet: Fleet, put: Put_) -> None:
    """A status that is followed names a key as long as it is wrong."""
    statuses = fleet.statuses(timeout_s=30)
    assert next(statuses).unreadable == ()
    put("instance/web-1/1", b"swordfish")
    assert [each.key for each in next(statuses).unreadable] == [f"/hotconf/{fleet.name}/instance/web-1/1"]
    put("instance/web-1/1", RECORDS[-1].encode())
    assert next(statuses).unreadable == ()
    put("ctl/offer", b"swordfish")
    assert next(statuses).unreadable
    with Gateway(
        access(fleet._gateway.access.endpoints and list(map(str, fleet._gateway.access.endpoints)))
    ) as gateway:
        gateway.commit(Txn((), (Delete(Keys.of(fleet.name).offer),)))
        assert gateway.get(Get(Keys.of(fleet.name).offer)).one is None
    assert next(statuses).unreadable == ()
    statuses.close()  # type: ignore[attr-defined] # a generator


@pytest.mark.real_tool
def test_going_back_is_confirmed_also_then(fleet: Fleet, put: Put_, run: Run) -> None:
    """Without a terminal nothing is done unless --yes is given."""
    put("ctl/current", b"swordfish")
    done = run("rollback", text="n\n")
    assert done.exit_code != 0
    assert "--yes" in done.stderr
    assert fleet.status().unreadable
