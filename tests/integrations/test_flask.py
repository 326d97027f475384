"""Flask: whatever a request does, it sees one generation; the watcher runs where requests are served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flask")

import click
from flask import Flask, Response, copy_current_request_context, request, stream_with_context
from flask.cli import ScriptInfo, run_command
from werkzeug.test import create_environ
from werkzeug.wsgi import wrap_file

from hotconf import ConfigError, HotReloadWatcher, NoConfigError, UsageError
from hotconf.integrations.flask import HotConf
from hotconf.integrations.serving import held
from integrations.shop import Open, Shop
from waiting import wait_until


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Open]:
    """Closed at the end, whatever happens."""
    shop = Open(tmp_path)
    yield shop
    shop.watcher.close()


def serving(shop: Open, hotconf: HotConf[Shop], name: str = "shop") -> Flask:
    """An application that changes the configuration in each request."""
    app = Flask(name)
    hotconf.init_app(app)

    @app.get("/")
    def index() -> list[int]:
        first = hotconf.config.number
        shop.change(shop.watcher.config.number + 1)
        return [first, hotconf.config.number, shop.all_of_one(hotconf.view)]

    @app.get("/stream")
    def stream() -> Response:
        def numbers() -> Iterator[str]:
            yield f"{shop.all_of_one(hotconf.view)} "
            shop.change(shop.watcher.config.number + 1)
            yield f"{shop.all_of_one(hotconf.view)}"

        return Response(stream_with_context(numbers()))

    @app.get("/error")
    def error() -> Response:
        raise LookupError(hotconf.config.number)

    return app


def test_a_request_sees_one_generation(shop: Open) -> None:
    """With what was made of it, which is closed when the request has ended."""
    client = serving(shop, HotConf(shop.watcher)).test_client()
    assert [client.get("/").json for _ in range(2)] == [[1, 1, 1], [2, 2, 2]]
    assert client.get("/stream").text == "3 3"
    assert client.get("/error").status_code == 500
    wait_until(lambda: [pool.number for pool in shop.pools if pool.open] == [4])


def test_each_request_has_its_own(shop: Open) -> None:
    """Also within one context of the application, as test fixtures open one."""
    app = serving(shop, HotConf(shop.watcher))
    with app.app_context(), app.test_client() as client:
        assert [client.get("/").json for _ in range(2)] == [[1, 1, 1], [2, 2, 2]]


def test_concurrent_requests(shop: Open) -> None:
    """One that waits is not disturbed by another."""
    hotconf = HotConf(shop.watcher)
    app, waits, goes_on = serving(shop, hotconf), threading.Event(), threading.Event()

    @app.get("/slow")
    def slow() -> list[int]:
        first = hotconf.config.number
        waits.set()
        assert goes_on.wait(60)
        return [first, shop.all_of_one(hotconf.view)]

    answers: list[Any] = []
    other = threading.Thread(target=lambda: answers.append(app.test_client().get("/slow").json))
    other.start()
    assert waits.wait(60)
    assert app.test_client().get("/").json == [1, 1, 1]
    goes_on.set()
    other.join(60)
    assert answers == [[1, 1]]


# Until the response is closed


def called(app: Flask, path: str, **environ: Any) -> Any:
    """What a server gets, and is to close."""
    return app({**create_environ(path), **environ}, lambda *_: lambda _: None)


def only_open(shop: Open, *numbers: int) -> None:
    """Wait until just these pools are open."""
    wait_until(lambda: [pool.number for pool in shop.pools if pool.open] == list(numbers))


@pytest.fixture
def streaming(shop: Open) -> Flask:
    """An application whose view uses the configuration before its stream does, which changes it."""
    hotconf = HotConf(shop.watcher)
    app = serving(shop, hotconf)

    @app.get("/both")
    def both() -> Response:
        view = hotconf.view
        number = shop.all_of_one(view)

        def numbers() -> Iterator[str]:
            yield f"{number} "
            shop.change(number + 1)
            yield f"{shop.all_of_one(hotconf.view)} {shop.all_of_one(view)}"

        response = Response(stream_with_context(numbers()))
        response.call_on_close(lambda: shop.all_of_one(view))
        return response

    return app


def test_a_stream_belongs_to_its_view(shop: Open, streaming: Flask) -> None:
    """One generation in both, though Flask pops the context between them, and as long as the server reads."""
    body = called(streaming, "/both")
    assert b"".join(body) == b"1 1 1"
    only_open(shop, 1, 2)
    body.close()
    only_open(shop, 2)
    assert streaming.test_client().get("/both").text == "2 2 2"


@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_client_disconnects(shop: Open, streaming: Flask, read: int) -> None:
    """What was pinned is released, however much was read."""
    body = called(streaming, "/both")
    for _ in range(read):
        next(body)
    if read < 2:
        shop.change(2)
    only_open(shop, 1, 2)
    body.close()
    only_open(shop, 2)


def test_a_response_that_nobody_closes(shop: Open, streaming: Flask) -> None:
    """As test clients leave it: it is released with the response."""
    response = streaming.test_client().get("/both")
    shop.change(2)
    only_open(shop, 1, 2)
    del response
    only_open(shop, 2)


def test_a_view_that_raises(shop: Open) -> None:
    """Whether it is answered or passed on to the server."""
    app = serving(shop, HotConf(shop.watcher))
    body = called(app, "/error")
    shop.change(2)
    only_open(shop, 1, 2)
    body.close()
    only_open(shop, 2)
    body.close()
    app.testing = True
    with pytest.raises(LookupError) as raised:
        called(app, "/error")
    shop.change(3)
    only_open(shop, 3)
    assert raised.value.args == (2,)


def test_closing_fails(shop: Open) -> None:
    """It is released then, too."""
    hotconf = HotConf(shop.watcher)
    app = serving(shop, hotconf)

    @app.get("/fails")
    def fails() -> Response:
        response = Response(str(shop.all_of_one(hotconf.view)))
        response.call_on_close(lambda: 1 / 0)
        return response

    body = called(app, "/fails")
    with pytest.raises(ZeroDivisionError):
        body.close()
    shop.change(2)
    only_open(shop, 2)


class Sent:
    """As the wrappers of servers that send files themselves."""

    def __init__(self, file: Any, _size: int) -> None:
        self.file = file
        self.close = file.close

    def __getitem__(self, _index: int) -> bytes:
        raise AssertionError("not read: sent")


class Slotted(Sent):
    """That of another server."""

    __slots__ = ("file",)

    @property
    def close(self) -> Any:
        """Not to be replaced."""
        return self.file.close

    @close.setter
    def close(self, close: Any) -> None:
        if close != self.file.close:
            raise AttributeError


@pytest.mark.parametrize("wrapper", [Sent, Slotted])
def test_files(shop: Open, wrapper: type[Sent]) -> None:
    """Servers recognize what they can send themselves; it is closed, and then released."""
    hotconf = HotConf(shop.watcher)
    app = serving(shop, hotconf)
    files: list[Any] = []

    @app.get("/file")
    def file() -> Response:
        shop.all_of_one(hotconf.view)
        files.append(shop.path.open("rb"))
        return Response(wrap_file(request.environ, files[0]), direct_passthrough=True)

    body = called(app, "/file", **{"wsgi.file_wrapper": wrapper})
    assert (type(body) is Sent) == (wrapper is Sent)
    shop.change(2)
    only_open(shop, 1, 2)
    body.close()
    assert files[0].closed
    only_open(shop, 2)


def test_copies_of_the_context(shop: Open) -> None:
    """What threads do in them belongs to the request; one that outlives it keeps what it uses."""
    hotconf = HotConf(shop.watcher)
    app, used, goes_on = serving(shop, hotconf), threading.Event(), threading.Event()
    seen: list[int] = []

    def use() -> None:
        seen.append(shop.all_of_one(hotconf.view))

    def use_longer() -> None:
        use()
        used.set()
        assert goes_on.wait(60)
        use()

    @app.get("/threads")
    def with_threads() -> list[int]:
        short = threading.Thread(target=copy_current_request_context(use))
        short.start()
        short.join(60)
        shop.change(2)
        use()
        threads.append(threading.Thread(target=copy_current_request_context(use_longer)))
        threads[0].start()
        assert used.wait(60)
        return seen

    threads: list[threading.Thread] = []
    body = called(app, "/threads")
    body.close()
    only_open(shop, 1, 2)
    goes_on.set()
    threads[0].join(60)
    assert seen == [1, 1, 1, 1]
    only_open(shop, 2)


def test_threads_of_a_request_that_pin_at_once(shop: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """They get the same generation, even if another is published between them."""
    hotconf = HotConf(shop.watcher)
    app, one_has_read, both_have_read = serving(shop, hotconf), threading.Event(), threading.Barrier(2)
    seen: list[int] = []

    def slow(watcher: HotReloadWatcher[Shop]) -> Any:
        generation = held(watcher)
        one_has_read.set()
        both_have_read.wait(60)
        return generation

    monkeypatch.setattr("hotconf.integrations.flask.held", slow)

    @app.get("/at-once")
    def at_once() -> str:
        other = threading.Thread(target=copy_current_request_context(lambda: seen.append(hotconf.config.number)))
        other.start()
        assert one_has_read.wait(60)
        shop.change(2)
        seen.append(hotconf.config.number)
        other.join(60)
        return ""

    assert app.test_client().get("/at-once").status_code == 200
    assert len(seen) == 2
    assert len(set(seen)) == 1


@pytest.mark.parametrize("first", [False, True])
def test_an_application_within_another(shop: Open, first: bool) -> None:
    """It takes part in the request, whichever of them uses the configuration first."""
    hotconf = HotConf(shop.watcher)
    outer, inner = serving(shop, hotconf), serving(shop, hotconf)

    @outer.get("/outer")
    def view() -> list[Any]:
        before = [shop.all_of_one(hotconf.view)] if first else []
        environ = {**request.environ, "PATH_INFO": "/"}
        with Response.from_app(inner, environ) as response:
            return [*before, response.json, shop.all_of_one(hotconf.view)]

    client = outer.test_client()
    assert client.get("/outer").json == [*([1] if first else []), [1, 1, 1], 1]
    only_open(shop, 2)


@pytest.mark.parametrize("closed_first", [0, 1])
def test_applications_that_take_turns(shop: Open, closed_first: int) -> None:
    """In one environment, as middleware does that tries one after the other."""
    hotconf = HotConf(shop.watcher)
    environ = create_environ("/both-of-them")
    bodies = []
    for app in (serving(shop, hotconf), serving(shop, hotconf)):
        app.get("/both-of-them")(lambda: str(shop.all_of_one(hotconf.view)))
        bodies.append(app(environ, lambda *_: lambda _: None))
        shop.change(2)
    assert [b"".join(body) for body in bodies] == [b"1", b"1"]
    bodies.pop(closed_first).close()  # type: ignore[attr-defined]
    only_open(shop, 1, 2)
    bodies.pop().close()  # type: ignore[attr-defined]
    only_open(shop, 2)


@pytest.mark.parametrize("served", [False, True])
def test_functions_that_tear_down(shop: Open, served: bool) -> None:
    """They see the generation of the request, whenever they were registered, also without a server."""
    hotconf = HotConf(shop.watcher)
    app = Flask("shop")
    seen: list[int] = []

    @app.teardown_request
    def before(_error: BaseException | None) -> None:
        shop.change(2)
        seen.append(shop.all_of_one(hotconf.view))

    hotconf.init_app(app)
    app.get("/")(lambda: str(hotconf.config.number))
    if served:
        assert app.test_client().get("/").text == "1"
    else:
        with app.test_request_context() as context:
            seen.append(hotconf.config.number)
            seen.append(copy_current_request_context(lambda: hotconf.config.number)())
        only_open(shop, 2)
        assert context.request.path == "/"
    assert set(seen) == {1}
    only_open(shop, 2)


def test_a_client_that_preserves_the_context(shop: Open) -> None:
    """It shows what the request has used."""
    hotconf = HotConf(shop.watcher)
    with serving(shop, hotconf).test_client() as client:
        assert client.get("/").json == [1, 1, 1]
        assert (hotconf.config.number, shop.watcher.config.number) == (1, 2)
        assert client.get("/").json == [2, 2, 2]
    only_open(shop, 3)


# Elsewhere


def test_outside_of_requests(shop: Open) -> None:
    """In commands and threads the config is that of now; a view has to end."""
    hotconf = HotConf(shop.watcher)
    app = serving(shop, hotconf)

    @app.cli.command("number")
    def number() -> None:
        shop.change(7)
        click.echo(hotconf.config.number)

    assert app.test_cli_runner().invoke(args=["number"]).output == "7\n"
    with pytest.raises(UsageError, match=r"watcher.pin\(\)"):
        _ = hotconf.view


def test_an_application_of_a_factory(shop: Open) -> None:
    """Several applications share the watcher, which the first one starts."""
    hotconf = HotConf(shop.watcher)
    one, two = serving(shop, hotconf), serving(shop, hotconf)
    assert one.test_client().get("/").json == [1, 1, 1]
    assert two.test_client().get("/").json == [2, 2, 2]
    assert one.extensions["hotconf"] == [hotconf]


def test_two_watchers(tmp_path: Path) -> None:
    """Each is an extension of its own."""
    shops = [Open(tmp_path, "one.toml"), Open(tmp_path, "two.toml")]
    app = Flask("shop")
    both = [HotConf(shop.watcher, app) for shop in shops]
    app.get("/")(lambda: [hotconf.config.number for hotconf in both])
    shops[1].change(2)
    assert app.test_client().get("/").json == [1, 2]
    for shop in shops:
        shop.watcher.close()


def test_an_invalid_file_prevents_the_start(shop: Open) -> None:
    """With its problems."""
    shop.save("'one'")
    with pytest.raises(ConfigError, match="expected integer"):
        HotConf(shop.watcher, Flask("shop"))


def test_until_there_is_a_configuration(shop: Open) -> None:
    """Requests that need one are answered with 503."""
    shop.save("'one'")
    hotconf = HotConf(shop.watcher, require=False)
    app = serving(shop, hotconf)
    app.get("/alive")(lambda: "yes")
    client = app.test_client()
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert client.get("/alive").text == "yes"
    with pytest.raises(NoConfigError):
        _ = hotconf.config
    shop.change(1)
    assert client.get("/").json == [1, 1, 1]


RUN = [(True, None, False), (None, "1", False), (False, "1", True), (None, "0", True), (None, None, True)]


@pytest.mark.parametrize(("reload", "debug", "starts"), RUN)
@pytest.mark.parametrize("serves", [False, True])
def test_the_reloader(
    shop: Open, reload: bool | None, debug: str | None, starts: bool, serves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the two processes of `flask run --debug` only the one that serves watches."""
    if serves:
        monkeypatch.setenv("WERKZEUG_RUN_MAIN", "true")
    monkeypatch.delenv("FLASK_DEBUG", raising=False)
    if debug is not None:
        monkeypatch.setenv("FLASK_DEBUG", debug)
    context = click.Context(run_command, obj=ScriptInfo())
    context.params["reload"] = reload
    with context:
        serving(shop, HotConf(shop.watcher))
    assert (shop.watcher.generation == 1) == (starts or serves)


def test_a_script(shop: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """`app.run(debug=True)` restarts it, too: its first request starts the watcher, or the process that serves."""
    hotconf = HotConf(shop.watcher)
    app = serving(shop, hotconf, "__main__")
    assert shop.watcher.generation == 0
    assert app.test_client().get("/").json == [1, 1, 1]


def test_a_watcher_that_is_closed(shop: Open) -> None:
    """It cannot serve."""
    shop.watcher.start()
    shop.watcher.close()
    with pytest.raises(UsageError):
        HotConf(shop.watcher, Flask("shop"))


def test_what_is_no_watcher() -> None:
    """As when the application is given first, as for other extensions."""
    with pytest.raises(UsageError, match="watcher of type Flask: give a HotReloadWatcher"):
        HotConf(Flask("shop"))  # type: ignore[arg-type]


def test_overrides(shop: Open) -> None:
    """For tests of views."""
    client = serving(shop, HotConf(shop.watcher)).test_client()
    with shop.watcher.override({"number": 5}):
        assert client.get("/").json == [5, 5, 5]


def test_the_watcher_may_run_before(tmp_path: Path) -> None:
    """Then it is used as it is."""
    shop = Open(tmp_path)
    with shop.watcher:
        assert serving(shop, HotConf(shop.watcher)).test_client().get("/").json == [1, 1, 1]
    assert isinstance(shop.watcher, HotReloadWatcher)
