"""Certificates and keys as `WatchedFile`s of a real TLS server, renewed while clients connect."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from hotconf import HotReloadWatcher, WatchedFile
from waiting import wait_until
from watcher.watched import Frozen

RENEWALS: Final = 6

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


class Tls(Frozen):
    cert: WatchedFile
    key: WatchedFile


class App(Frozen):
    tls: Tls


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Directories, each with a certificate and its key."""
    directories = [tmp_path_factory.mktemp("pair") for _ in range(RENEWALS)]
    for number, directory in enumerate(directories):
        files = ["-out", directory / "tls.pem", "-keyout", directory / "tls.key"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command = ["openssl", "req", "-x509", "-nodes", "-subj", f"/CN=number {number}", *kind, *files]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return directories


def context(tls: Tls) -> ssl.SSLContext:
    """Raises `ssl.SSLError` if certificate and key do not belong together."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tls.cert.as_file() as cert, tls.key.as_file() as key:
        made.load_cert_chain(cert, key)
    return made


def mounted(at: Path, to: Path) -> None:
    """As Kubernetes does it: from one moment to the next all links lead into another directory."""
    (at / "new").symlink_to(to)
    (at / "new").rename(at / "..data")


@contextmanager
def serving(watcher: HotReloadWatcher[App]) -> Iterator[tuple[int, Callable[[], ssl.SSLContext]]]:
    """A server with the latest certificate, which says hello and what it is sent; its port."""
    current = [context(watcher.config.tls)]

    def renew(_old: Tls, new: Tls) -> None:
        current[:] = [context(new)]

    watcher.on_change(lambda config: config.tls, renew)
    listener = socket.create_server(("127.0.0.1", 0))

    def echo(plain: socket.socket) -> None:
        with plain, current[0].wrap_socket(plain, server_side=True) as secure:
            while said := secure.recv(100):
                secure.sendall(said)

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=[plain], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], lambda: current[0]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def connect(port: int) -> ssl.SSLSocket:
    """A client that takes any certificate."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return client.wrap_socket(socket.create_connection(("127.0.0.1", port)))


def certificate(directory: Path) -> bytes:
    """As clients see it."""
    return ssl.PEM_cert_to_DER_cert((directory / "tls.pem").read_text())


def test_the_next_connection_has_the_new_certificate_and_old_ones_go_on(tmp_path, pairs):
    """Each renewal is one generation whose certificate and key belong together."""
    for name in ("tls.pem", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    mounted(tmp_path, pairs[0])
    (tmp_path / "config.toml").write_text("[tls]\ncert = 'tls.pem'\nkey = 'tls.key'\n")
    with (
        HotReloadWatcher(tmp_path / "config.toml", App, debounce_ms=20) as watcher,
        serving(watcher) as (port, current),
        connect(port) as first,
    ):
        for number, pair in enumerate(pairs):
            if number:
                before = current()
                mounted(tmp_path, pair)
                wait_until(lambda before=before: current() is not before)
            assert watcher.generation == number + 1
            with connect(port) as client:
                assert client.getpeercert(binary_form=True) == certificate(pair)
                first.sendall(b"still here")
                assert first.recv(100) == b"still here"
        assert first.getpeercert(binary_form=True) == certificate(pairs[0])


def test_pairs_that_are_swapped_without_a_pause_always_belong_together(tmp_path, pairs):
    """Whatever the moment: no generation has the certificate of one pair and the key of another."""
    for name in ("tls.pem", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    mounted(tmp_path, pairs[0])
    (tmp_path / "config.toml").write_text("[tls]\ncert = 'tls.pem'\nkey = 'tls.key'\n")
    contents = {pair: ((pair / "tls.pem").read_bytes(), (pair / "tls.key").read_bytes()) for pair in pairs}
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for pair in pairs:
                mounted(tmp_path, pair)

    seen: list[tuple[bytes, bytes]] = []
    with HotReloadWatcher(tmp_path / "config.toml", App, debounce_ms=0, reconcile_s=0.02) as watcher:
        watcher.on_change("tls", lambda _, new: seen.append((new.cert.data, new.key.data)))
        swapping = threading.Thread(target=swap)
        swapping.start()
        try:
            for _ in range(50):
                tls = watcher.config.tls
                seen.append((tls.cert.data, tls.key.data))
                watcher.reload(wait=True)
        finally:
            stop.set()
            swapping.join()
        mounted(tmp_path, pairs[1])
        wait_until(lambda: watcher.config.tls.cert.data == contents[pairs[1]][0])
    assert set(seen) <= set(contents.values())
