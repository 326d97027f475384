"""Real etcd on loopback: one node, or three with TLS and roles. Everything is in a directory of the test's own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fleet.proxy import PeerProxy
from hotconf.fleet.etcd.access import TLS
from realtools import need, nobodys
from waiting import wait_until

_STARTS = 5
_CLIENT = ("ca.pem", "client.pem", "client.key")
_EXTENSIONS = "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n"


def free_ports(count: int) -> list[int]:
    """Ports of loopback that were free just now."""
    with ExitStack() as open_:
        sockets = [open_.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Member:
    """One server. It can be killed, stopped and started again."""

    def __init__(self, name: str, directory: Path, client: int, peer: int, tls: Path | None) -> None:
        self.name = name
        self.directory = directory
        self.client = client
        self.peer = peer
        self.tls = tls
        self.process: subprocess.Popen[bytes] | None = None
        self.network: PeerProxy | None = None
        """Through which the other servers reach it, if it may be cut off from them."""

    @property
    def scheme(self) -> str:
        """Of both of its ports."""
        return "https" if self.tls else "http"

    @property
    def endpoint(self) -> str:
        """Where its clients find it."""
        return f"{self.scheme}://127.0.0.1:{self.client}"

    @property
    def peer_url(self) -> str:
        """Where the other servers find it."""
        return f"{self.scheme}://127.0.0.1:{self.peer if self.network is None else self.network.port}"

    @property
    def data(self) -> Path:
        """Where it keeps its data."""
        return self.directory / f"{self.name}.data"

    def start(self, cluster: str) -> None:
        """Start it; it may not answer yet."""
        arguments = [
            *("--name", self.name, "--data-dir", str(self.data), "--logger", "zap", "--log-level", "error"),
            *("--listen-client-urls", self.endpoint, "--advertise-client-urls", self.endpoint),
            *("--listen-peer-urls", f"{self.scheme}://127.0.0.1:{self.peer}"),
            *("--initial-advertise-peer-urls", self.peer_url),
            *("--initial-cluster", cluster, "--initial-cluster-token", self.directory.name),
        ]
        if self.tls is not None:
            files = ("--cert-file", str(self.tls / "server.pem"), "--key-file", str(self.tls / "server.key"))
            peers = (
                "--peer-cert-file",
                str(self.tls / "server.pem"),
                "--peer-key-file",
                str(self.tls / "server.key"),
            )
            authority = ("--peer-client-cert-auth", "--peer-trusted-ca-file", str(self.tls / "ca.pem"))
            arguments += [*files, *peers, *authority, "--trusted-ca-file", str(self.tls / "ca.pem")]
            arguments.append("--client-cert-auth")
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen([need("etcd"), *arguments], stdout=log, stderr=log)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """It stays there and does nothing: its connections are black holes."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    """Some servers that are one etcd."""

    def __init__(self, directory: Path, count: int, tls: Path | None) -> None:
        self.directory = directory
        self.tls_files = tls
        self.user: str | None = None
        self.password: str | None = None
        self.ids: dict[str, str] = {}
        """By which the servers know each other, by name, if they may be cut off."""
        ports = free_ports(2 * count)
        self.members = [Member(f"m{at}", directory, ports[2 * at], ports[2 * at + 1], tls) for at in range(count)]

    @property
    def endpoints(self) -> list[str]:
        """Where clients find them."""
        return [member.endpoint for member in self.members]

    @property
    def tls(self) -> TLS | None:
        """How clients know them."""
        return TLS(*files) if (files := client_files(self)) else None

    @property
    def names(self) -> str:
        """All servers, as each is started with them."""
        return ",".join(f"{member.name}={member.peer_url}" for member in self.members)

    def start(self, *members: Member) -> None:
        """Start these servers, by default all, and wait until there is a leader."""
        for member in members or self.members:
            member.start(self.names)
        wait_until(lambda: self.dead() or self.healthy())

    def dead(self) -> bool:
        """Whether one that was started has ended."""
        return any(member.process is not None and member.process.poll() is not None for member in self.members)

    def healthy(self) -> bool:
        """Whether it takes requests."""
        try:
            self.ctl("endpoint", "health", timeout_s=5)
        except subprocess.SubprocessError:
            return False
        return True

    def lead(self, member: Member) -> None:
        """Have this one lead. Needs `apart`."""
        if (leader := self.leader()) is not member:
            self.ctl("move-leader", self.ids[member.name], at=leader)
            wait_until(lambda: self.leader() is member)

    def stop(self) -> None:
        """End all."""
        for member in self.members:
            member.kill()

    def leader(self) -> Member:
        """The server that leads now."""
        for row in self.json("endpoint", "status"):
            if row["Status"]["leader"] == row["Status"]["header"]["member_id"]:
                return next(member for member in self.members if member.endpoint == row["Endpoint"])
        raise AssertionError("no leader")

    def json(self, *arguments: str) -> Any:
        """What `etcdctl` prints as JSON."""
        return json.loads(self.ctl(*arguments, "--write-out", "json"))

    def ctl(self, *arguments: str, stdin: str = "", timeout_s: float = 20, at: Member | None = None) -> str:
        """What `etcdctl` prints, when it asks `at`, or any server. Raises `SubprocessError`."""
        command, environment = self._command(at), nobodys(self.directory) | {"ETCDCTL_API": "3"}
        command += ["--command-timeout", f"{timeout_s}s", *arguments]
        done = subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, timeout=timeout_s + 5, check=True
        )
        return done.stdout

    def start_ctl(self, *arguments: str) -> subprocess.Popen[str]:
        """An `etcdctl` that runs until it is killed."""
        environment = nobodys(self.directory) | {"ETCDCTL_API": "3"}
        command = [*self._command(None), *arguments]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def _command(self, at: Member | None) -> list[str]:
        alive = [member.endpoint for member in self.members if member.process is not None]
        options = ["--endpoints", at.endpoint if at is not None else ",".join(alive or self.endpoints)]
        if self.tls_files is not None:
            files = [str(self.tls_files / name) for name in _CLIENT]
            options += ["--cacert", files[0], "--cert", files[1], "--key", files[2]]
        if self.user is not None:
            options += ["--user", f"{self.user}:{self.password}"]
        return [need("etcdctl"), *options]

    def restore(self, kept: Path) -> None:
        """Bring all servers back to a snapshot."""
        for member in self.members:
            member.kill()
            member.data.rename(member.data.with_suffix(f".old-{time.monotonic_ns()}"))
            names = ("--name", member.name, "--initial-cluster", self.names)
            urls = ("--initial-advertise-peer-urls", member.peer_url, "--initial-cluster-token", self.directory.name)
            self.ctl("snapshot", "restore", str(kept), "--data-dir", str(member.data), *names, *urls)
        self.start()

    def cut_off(self, member: Member) -> None:
        """Whatever this server and the others send to each other vanishes. Needs `apart`."""
        for at, server in self._between(member):
            at.lose(server)

    def join(self, member: Member) -> None:
        """It arrives again."""
        for at, server in self._between(member):
            at.find(server)

    def _between(self, member: Member) -> Iterator[tuple[PeerProxy, str]]:
        for other in self.members:
            if other is not member:
                assert member.network is not None
                assert other.network is not None
                yield member.network, self.ids[other.name]
                yield other.network, self.ids[member.name]

    def add_role(self, role: str, user: str, *grants: tuple[str, str]) -> None:
        """A user, with its name and `-secret` as password, and a role: `read`, `write` or both below prefixes."""
        self.ctl("role", "add", role)
        for kind, prefix in grants:
            self.ctl("role", "grant-permission", role, "--prefix=true", kind, prefix)
        self.ctl("user", "add", f"{user}:{user}-secret")
        self.ctl("user", "grant-role", user, role)

    def require_users(self) -> None:
        """From now on only users that are known get in."""
        self.ctl("user", "add", "root:root-secret")
        self.ctl("user", "grant-role", "root", "root")
        self.ctl("auth", "enable")
        self.user, self.password = "root", "root-secret"


def client_files(cluster: Cluster) -> list[str]:
    """What `TLS` takes, of a cluster that is encrypted."""
    home = cluster.tls_files
    return [] if home is None else [str(home / name) for name in _CLIENT]


@contextmanager
def running(directory: Path, count: int = 1, *, encrypted: bool = False, apart: bool = False) -> Iterator[Cluster]:
    """An etcd of some servers that is ended, with its data left where it is.

    `apart`: there is a network between the servers, from which each can be cut off.
    """
    for tool in ("etcd", "etcdctl"):
        need(tool)
    tls = certificates(directory) if encrypted else None
    for _ in range(_STARTS):
        cluster = Cluster(directory, count, tls)
        with ExitStack() as stack:
            for member in cluster.members if apart else ():
                member.network = stack.enter_context(PeerProxy(member.peer))
            stack.callback(cluster.stop)
            cluster.start()
            if cluster.dead():  # another program took a port meanwhile
                continue
            if apart:
                cluster.ids = {row["name"]: f"{row['ID']:x}" for row in cluster.json("member", "list")["members"]}
            yield cluster
            return
    raise AssertionError(f"etcd does not start: {(directory / 'm0.log').read_text()[-2000:]}")


def certificates(directory: Path) -> Path:
    """An authority, and what it signed: for the servers, for clients, and for one that has a CN."""
    home = directory / "tls"
    home.mkdir()
    (home / "server.ext").write_text(_EXTENSIONS)

    def openssl(*arguments: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
        subprocess.run([need("openssl"), *arguments], cwd=home, env=environment, capture_output=True, check=True)

    elliptic = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *elliptic, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/O=tests", "-days", "2")
    for name, subject in (("server", "/O=etcd"), ("client", "/O=clients"), ("named", "/O=clients/CN=web-1")):
        openssl("req", *elliptic, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "server.ext")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return home
