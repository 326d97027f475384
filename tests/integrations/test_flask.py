"""Flask: whatever a request does, it sees one generation; the watcher runs where requests are served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flask")

import click
from flask import Flask, Response, stream_with_context
from flask.cli import ScriptInfo, run_command

from hotconf import ConfigError, HotReloadWatcher, NoConfigError, UsageError
from hotconf.integrations.flask import HotConf
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
