"""The gateway, against a real etcd."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from fleet.etcd import Cluster, running
from fleet.proxy import Proxy
from hotconf.fleet.errors import (
    CompactedError,
    DeniedError,
    FleetError,
    LeaseLostError,
    ReplyLostError,
    TooLargeError,
    UnreachableError,
)
from hotconf.fleet.etcd import transport
from hotconf.fleet.etcd.access import TLS, Access, access
from hotconf.fleet.etcd.gateway import Gateway, retried
from hotconf.fleet.etcd.requests import (
    Delete,
    Get,
    Put,
    Txn,
    absent,
    all_equal,
    created,
    none_since,
    unchanged,
    under,
)
from hotconf.fleet.etcd.transport import Stream
from hotconf.system import threads
from waiting import wait_until

pytestmark = pytest.mark.real_tool

_numbers = count()


@pytest.fixture
def gateway(one_node: Cluster) -> Iterator[Gateway]:
    """A way into the server that is shared."""
    made = Gateway(access(one_node.endpoints))
    yield made
    made.close()


@pytest.fixture
def place() -> bytes:
    """A prefix of the test's own."""
    return f"/gateway/{next(_numbers)}/".encode()


def put(gateway: Gateway, key: bytes, value: bytes, lease: int = 0) -> int:
    """Write a key. Returns the revision."""
    return gateway.commit(Txn((), (Put(key, value, lease),))).revision


def test_what_is_written_is_read(gateway: Gateway, place: bytes) -> None:
    """Bytes of any kind come back, with the revisions at which they were written."""
    first = put(gateway, place + b"a", bytes(range(256)))
    second = put(gateway, place + b"a", b"")
    put(gateway, place + b"b", b"x")
    found = gateway.get(under(place))
    assert [(pair.key, pair.value, pair.create, pair.mod) for pair in found.pairs] == [
        (place + b"a", b"", first, second),
        (place + b"b", b"x", second + 1, second + 1),
    ]
    assert [pair.key for pair in gateway.get(under(place, newest=True, limit=1)).pairs] == [place + b"b"]
    assert gateway.get(Get(place + b"c")).one is None


def test_a_transaction_is_done_wholly_or_not_at_all(gateway: Gateway, place: bytes) -> None:
    """Its conditions decide, and the other branch reads what decided."""
    key, other = place + b"a", place + b"b"
    make = Txn((absent(key),), (Put(key, b"1"), Put(other, b"1")), (Get(key), Get(other)))
    done = gateway.commit(make)
    assert done.succeeded
    again = gateway.commit(make)
    assert not again.succeeded
    assert [[pair.mod for pair in found.pairs] for found in again.found] == [[done.revision], [done.revision]]
    assert gateway.commit(Txn((created(key, done.revision), unchanged(key, done.revision)), (Delete(key),))).succeeded
    assert [pair.key for pair in gateway.get(under(place)).pairs] == [other]


def test_one_comparison_covers_a_range(gateway: Gateway, place: bytes) -> None:
    """All votes are equal only if there is one, and none differs; a new one is noticed."""
    yes = Txn((all_equal(place, b"yes"),), ())
    assert not gateway.commit(yes).succeeded
    put(gateway, place + b"1", b"yes")
    counted = put(gateway, place + b"2", b"yes")
    assert gateway.commit(yes).succeeded
    still = Txn((none_since(place, counted),), ())
    assert gateway.commit(still).succeeded
    put(gateway, place + b"3", b"no")
    assert not gateway.commit(yes).succeeded
    assert not gateway.commit(still).succeeded


def test_a_lease_holds_its_keys(gateway: Gateway, place: bytes) -> None:
    """They go with it, and renewing it afterwards is an error."""
    lease = gateway.grant(60)
    put(gateway, place + b"a", b"1", lease.id)
    gateway.keep_alive(lease)
    assert gateway.get(Get(place + b"a")).pairs[0].lease == lease.id
    gateway.revoke(lease)
    gateway.revoke(lease)
    assert gateway.get(Get(place + b"a")).one is None
    with pytest.raises(LeaseLostError):
        gateway.keep_alive(lease)
    with pytest.raises(LeaseLostError):
        put(gateway, place + b"a", b"1", lease.id)


def test_a_watch_reports_in_order(gateway: Gateway, place: bytes) -> None:
    """From the revision on that it is given, also what was written before it began, and deletions."""
    start = put(gateway, place + b"a", b"1")
    put(gateway, place + b"a", b"2")
    gateway.commit(Txn((), (Delete(place + b"a"), Put(place + b"b", b"3"))))
    seen = list(gateway.watch(place, start, Stream(), silence_s=0.2))
    assert seen[0].pairs == ()
    assert [pair.value for each in seen for pair in each.pairs] == [b"1", b"2", b"3"]
    assert [key for each in seen for key in each.deleted] == [place + b"a"]


def test_a_watch_is_cut_by_another_thread(gateway: Gateway, place: bytes) -> None:
    """Its reader gets an error, whether it waits already or is about to."""
    for early in (True, False):
        stream = Stream()
        if early:
            stream.cut()
        with pytest.raises(UnreachableError, match="cut"):
            for _ in gateway.watch(place, 0, stream, silence_s=60):
                stream.cut()


def test_a_document_that_is_too_large(gateway: Gateway, place: bytes) -> None:
    """It has an error of its own, which does not quote it."""
    with pytest.raises(TooLargeError) as raised:
        put(gateway, place + b"a", b"secret" * 300_000)
    assert "secret" not in str(raised.value)


def test_a_compacted_revision(gateway: Gateway, place: bytes) -> None:
    """A watch from there is an error: read again."""
    put(gateway, place + b"a", b"1")
    now = put(gateway, place + b"a", b"2")
    gateway._call("/v3/kv/compaction", {"revision": str(now)}, writes=True)
    with pytest.raises(CompactedError):
        list(gateway.watch(place, now - 1, Stream(), silence_s=1))


def test_the_next_endpoint_answers(one_node: Cluster, place: bytes) -> None:
    """A server that refuses connections is passed over, and stays so; if none answers, each says why."""
    dead = "127.0.0.1:1"
    with Gateway(access([*one_node.endpoints, dead]), seed=1) as gateway:
        gateway._endpoints.sort(key=lambda each: each.port)  # the dead one first
        put(gateway, place, b"1")
        assert gateway.endpoint.port == one_node.members[0].client
    encrypted = f"https://127.0.0.1:{one_node.members[0].client}"
    for endpoint, said in (
        (dead, r"^http://127\.0\.0\.1:1: connection refused$"),
        (encrypted, "TLS failed|connection reset"),
    ):
        with Gateway(access(endpoint)) as gateway, pytest.raises(UnreachableError, match=said):
            gateway.get(Get(place))


def test_a_lost_answer_is_no_failure(one_node: Cluster, place: bytes) -> None:
    """A write whose answer does not arrive may have been done: nobody repeats it unasked, and reads are repeated."""
    direct = Gateway(access(one_node.endpoints))
    with (
        direct,
        Proxy(one_node.members[0].client) as proxy,
        Gateway(access(proxy.endpoint), timeout_s=0.2) as gateway,
    ):
        gateway.get(Get(place))
        proxy.swallow_answers()
        with pytest.raises(ReplyLostError):
            put(gateway, place, b"1")
        wait_until(lambda: direct.get(Get(place)).one)
        found = iter([None, direct.get(Get(place)).one])
        calls = iter([ReplyLostError("x"), ReplyLostError("y")])

        def call() -> object:
            raise next(calls)

        assert retried(call, lambda: next(found)) is not None


def test_a_black_hole_ends_a_watch(one_node: Cluster, place: bytes) -> None:
    """Silence for long enough is an end, from which its reader starts again."""
    other = Gateway(access(one_node.endpoints))
    with other, Proxy(one_node.members[0].client) as proxy, Gateway(access(proxy.endpoint)) as gateway:
        watch = gateway.watch(place, 0, Stream(), silence_s=0.3)
        next(watch)
        proxy.swallow()
        put(other, place, b"1")
        assert list(watch) == []


def test_a_watch_that_is_never_answered_is_no_silence(one_node: Cluster, place: bytes) -> None:
    """A server that hangs is left: its connections are accepted, and nothing comes."""
    with Proxy(one_node.members[0].client) as proxy, Proxy(one_node.members[0].client) as other:
        endpoints = access([proxy.endpoint, other.endpoint])
        with Gateway(endpoints, timeout_s=0.3) as gateway:
            hung = proxy if str(gateway.endpoint) == proxy.endpoint else other
            hung.swallow()
            with pytest.raises(UnreachableError, match="no answer in time"):
                list(gateway.watch(place, 0, Stream(), silence_s=60))
            assert str(gateway.endpoint) != hung.endpoint
            assert next(gateway.watch(place, 0, Stream(), silence_s=60))


class Strange(BaseHTTPRequestHandler):
    """A server at the port of an etcd that is not etcd."""

    status, body = 502, b"<html>no server is there</html>"

    def do_POST(self) -> None:
        """The same for everything."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_arguments: object) -> None:  # type: ignore[override]
        """Nothing."""


@pytest.fixture(params=[(502, b"<html>"), (404, b"not found"), (200, b"<html>"), (503, b'{"message": "away"}')])
def strange(request: pytest.FixtureRequest) -> Iterator[str]:
    """The endpoint of such a server."""
    status, body = request.param
    handler = type("Handler", (Strange,), {"status": status, "body": body})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_what_answers_and_is_no_etcd_is_left(one_node: Cluster, place: bytes, strange: str) -> None:
    """By reads, by watches, and by what writes, which may have been done; if there is nothing else, it is named."""
    for act in ("get", "watch", "put"):
        with Gateway(access([strange, *one_node.endpoints])) as gateway:
            gateway._endpoints.sort(key=lambda each: str(each) != strange)
            if act == "get":
                gateway.get(Get(place))
            elif act == "watch":
                with pytest.raises(UnreachableError):
                    next(gateway.watch(place, 0, Stream()))
                next(gateway.watch(place, 0, Stream()))
            else:
                with suppress(ReplyLostError):
                    put(gateway, place, b"1")
            assert str(gateway.endpoint) != strange
    with Gateway(access(strange)) as gateway, pytest.raises(UnreachableError, match=strange):
        gateway.get(Get(place))


class Endless(Strange):
    """It never comes to an end."""

    def do_POST(self) -> None:
        """A byte after the other."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        with suppress(OSError):
            while not self.server.ended.wait(0.01):  # type: ignore[attr-defined]
                self.wfile.write(b" ")


def test_an_answer_without_an_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """However steadily it comes."""
    monkeypatch.setattr(transport, "_WHOLE", 0.05)
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        server.ended = threading.Event()  # type: ignore[attr-defined]
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            where = access(f"http://127.0.0.1:{server.server_port}")
            with Gateway(where, timeout_s=5) as gateway, pytest.raises(UnreachableError, match="without an end"):
                gateway.get(Get(b"a"))
        finally:
            server.ended.set()  # type: ignore[attr-defined]
            server.shutdown()
            serving.join()


@pytest.mark.parametrize("answer", [{"responses": [1]}, {"responses": [{"response_range": 5}]}, {"header": [[]]}])
def test_what_is_no_answer_of_etcd_is_an_error_of_ours(one_node: Cluster, answer: dict[str, object]) -> None:
    """Whatever its shape."""
    with Gateway(access(one_node.endpoints)) as gateway:
        gateway._call = lambda *_, **__: answer  # type: ignore[method-assign]
        with suppress(FleetError):
            gateway.commit(Txn((), (Get(b"a"),)))


def failing() -> str:
    """A password function that fails."""
    raise FileNotFoundError("/run/secrets/swordfish")


@pytest.mark.parametrize(
    ("password", "said"),
    [(failing, "raised FileNotFoundError"), (lambda: b"x", "returned bytes"), (sys.exit, "raised SystemExit")],
)
def test_a_password_that_cannot_be_had_is_told(three_nodes: Cluster, password: Any, said: str) -> None:
    """As what it is, without a word of what it says."""
    reached = access(three_nodes.endpoints, tls=three_nodes.tls, user="web-1", password=password)
    with Gateway(reached) as gateway, pytest.raises(DeniedError, match=f"that is the password {said}") as raised:
        gateway.get(Get(b"a"))
    assert "swordfish" not in str(raised.value)


def test_a_connection_is_used_again(one_node: Cluster, place: bytes) -> None:
    """By our own threads, too, which have sockets of their own; one that the server has closed is not."""
    with Proxy(one_node.members[0].client) as proxy, Gateway(access(proxy.endpoint)) as gateway:

        def ask() -> None:
            for _ in range(10):
                put(gateway, place, b"1")
            asked.append(proxy.connections)
            proxy.cut()
            proxy.heal()
            gateway.get(Get(place))
            asked.append(proxy.connections)

        asked: list[int] = []
        ours = threads.Thread(ask, "ours")
        ours.start()
        wait_until(lambda: not ours.alive)
        assert (ours.error, asked) == (None, [1, 2])


def test_a_store_that_goes_back_is_noticed(tmp_path: Path) -> None:
    """An answer with a lower revision than one seen before means a restore, whichever request gets it."""
    with running(tmp_path) as cluster, Gateway(access(cluster.endpoints)) as gateway:
        put(gateway, b"a", b"1")
        cluster.ctl("snapshot", "save", str(tmp_path / "kept"))
        for _ in range(5):
            put(gateway, b"a", b"2")
        assert gateway.restores == 0
        cluster.restore(tmp_path / "kept")
        lease = wait_until(lambda: quietly(gateway))
        assert gateway.restores == 1
        assert gateway.get(Get(b"a")).pairs[0].value == b"1"
        gateway.keep_alive(lease)
        assert gateway.restores == 1


def quietly(gateway: Gateway) -> object:
    """A lease, once the server is back."""
    try:
        return gateway.grant(60)
    except UnreachableError:
        return None


def user(cluster: Cluster, name: str) -> Access:
    """How one of the users gets in."""
    return access(cluster.endpoints, tls=cluster.tls, user=name, password=f"{name}-secret")


def test_users_may_do_what_their_roles_say(three_nodes: Cluster) -> None:
    """An instance reads, and writes its own keys; no message says its password."""
    with Gateway(user(three_nodes, "web-1")) as instance:
        put(instance, b"/hotconf/shop/vote/web-1/x", b"-")
        assert list(islice(instance.watch(b"/hotconf/shop/ctl/", 0, Stream(), silence_s=0.1), 1))
        for key in (b"/hotconf/shop/vote/web-2/x", b"/hotconf/shop/ctl/current"):
            with pytest.raises(DeniedError, match=r"permission denied \(the user web-1\)") as raised:
                put(instance, key, b"x")
            assert "web-1-secret" not in str(raised.value)


def test_a_forbidden_watch_is_told(three_nodes: Cluster) -> None:
    """etcd says that it is created, then that it is canceled."""
    with Gateway(user(three_nodes, "web-1")) as instance:  # noqa: SIM117
        with pytest.raises(
            DeniedError, match=r"permission denied \(the user web-1\): its roles lack read on /hotconf/other/ctl/"
        ):
            list(instance.watch(b"/hotconf/other/ctl/", 0, Stream(), silence_s=5))


def test_a_token_that_expired_is_renewed(three_nodes: Cluster) -> None:
    """Nobody notices."""
    with Gateway(user(three_nodes, "publisher")) as publisher:
        publisher.get(under(b"/hotconf/shop/"))
        publisher._token = "expired.1"
        publisher.get(under(b"/hotconf/shop/"))
        publisher._token = "expired.1"
        put(publisher, b"/hotconf/shop/note", b"x")
        publisher._token = "expired.1"
        with pytest.raises(DeniedError):  # its token is forgotten, so the next one works
            list(publisher.watch(b"/hotconf/shop/", 0, Stream(), silence_s=0.1))
        assert list(publisher.watch(b"/hotconf/shop/", 0, Stream(), silence_s=0.1))


def test_a_wrong_password_is_told_and_not_shown(three_nodes: Cluster) -> None:
    """And so is a user that was not given."""
    wrong = access(three_nodes.endpoints, tls=three_nodes.tls, user="publisher", password="swordfish")
    with Gateway(wrong) as gateway, pytest.raises(DeniedError, match="invalid user ID or password") as raised:
        gateway.get(Get(b"a"))
    assert "swordfish" not in str(raised.value)
    with Gateway(access(three_nodes.endpoints, tls=three_nodes.tls)) as nobody:  # noqa: SIM117
        with pytest.raises(DeniedError, match="no user was given"):
            nobody.get(Get(b"a"))


def test_servers_must_show_a_certificate_that_is_trusted(three_nodes: Cluster) -> None:
    """Another authority's is refused."""
    with Gateway(access(three_nodes.endpoints)) as gateway:  # noqa: SIM117
        with pytest.raises(UnreachableError, match="certificate is refused"):
            gateway.get(Get(b"a"))


def test_client_certificates(three_nodes: Cluster) -> None:
    """One that has a CN is refused by etcd's gateway, and one that is missing by etcd: the error says which."""
    home = three_nodes.tls_files
    assert home is not None
    named = TLS(str(home / "ca.pem"), str(home / "named.pem"), str(home / "named.key"))
    who = {"user": "web-1", "password": "web-1-secret"}
    with Gateway(access(three_nodes.endpoints, tls=named, **who)) as gateway:  # noqa: SIM117
        with pytest.raises(DeniedError, match="client certificates with a CN"):
            gateway.get(Get(b"a"))
    with Gateway(access(three_nodes.endpoints, tls=TLS(str(home / "ca.pem")), **who)) as gateway:  # noqa: SIM117
        with pytest.raises(UnreachableError, match=r"it wants a client certificate \(.*--cert, --key-file\)"):
            gateway.get(Get(b"a"))


def test_the_leader_is_killed(tmp_path: Path) -> None:
    """The others elect one; each request gets an answer or a `FleetError`."""
    with running(tmp_path, 3) as cluster, Gateway(access(cluster.endpoints)) as gateway:
        put(gateway, b"a", b"0")
        cluster.leader().kill()

        def written() -> bool:
            try:
                return put(gateway, b"a", b"1") > 0
            except FleetError:
                return False

        wait_until(written)
        assert gateway.restores == 0


@pytest.mark.parametrize("then", ["find", "call"])
def test_a_lost_answer_stays_lost_when_nothing_can_be_reached_any_more(then: str) -> None:
    """If nothing can be learned afterwards, the error does not claim that nothing was done."""
    answers = iter([ReplyLostError("lost")])

    def call() -> str:
        raise next(answers, UnreachableError("nobody answers"))

    def find() -> str | None:
        if then == "find":
            raise UnreachableError("nobody answers")
        return None

    with pytest.raises(ReplyLostError):
        retried(call, find)
