"""The Prometheus collector, by what a scrape of it reads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition, parser
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, SecretStr

from hotconf import Env, HotReloadWatcher, RestartRequired, UsageError
from hotconf.integrations import prometheus
from hotconf.integrations.prometheus import Collector
from hotconf.problems import Kind
from prefork import Program, completed
from realtools import need
from waiting import wait_until

NAMES = {
    "hotconf_config_last_reload_successful": "gauge",
    "hotconf_config_last_reload_success_timestamp_seconds": "gauge",
    "hotconf_reloads_total": "counter",
    "hotconf_reload_failures_total": "counter",
    "hotconf_reload_duration_seconds": "histogram",
    "hotconf_generation": "gauge",
    "hotconf_pending": "gauge",
    "hotconf_pending_restart": "gauge",
    "hotconf_degraded": "gauge",
    "hotconf_watch_healthy": "gauge",
    "hotconf_callback_failures_total": "counter",
    "hotconf_info": "gauge",
}
"""The metrics, and what they are."""
SERIES = 80
"""At most as many for a watcher."""


class Config(BaseModel, frozen=True):
    port: int = 8000
    workers: Annotated[int, RestartRequired()] = 1
    password: SecretStr = SecretStr("planted-default")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration that is valid."""
    path = tmp_path / "config.toml"
    path.write_text("port = 1\n")
    return path


@pytest.fixture
def make(path: Path) -> Iterator[Callable[..., HotReloadWatcher[Any]]]:
    """Make watchers that only reload when asked to; they are closed in the end."""
    made: list[HotReloadWatcher[Any]] = []

    def make(schema: Any = Config, **options: Any) -> HotReloadWatcher[Any]:
        made.append(HotReloadWatcher(path, schema, debounce_ms=60_000, reconcile_s=3600, **options))
        return made[-1]

    yield make
    for watcher in made:
        watcher.close()


def registered(*watchers: HotReloadWatcher[Any]) -> CollectorRegistry:
    """A registry with the watchers, the first under its own name."""
    registry, collector = CollectorRegistry(), Collector(watchers[0])
    for number, watcher in enumerate(watchers[1:], 2):
        collector.add(watcher, name=f"number {number}")
    registry.register(collector)
    return registry


def samples(registry: CollectorRegistry, config: str = "config.toml") -> dict[str, float]:
    """What a scrape reads: samples by their name and other labels, `hotconf_reloads_total result=failed`."""
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.pop("config") == config:
                found[" ".join([sample.name, *(f"{key}={value}" for key, value in labels.items())])] = sample.value
    return found


def test_the_metrics_are_those_that_the_conventions_name(make):
    """Exactly these, each of its type, with a help text, in the text format and in that of OpenMetrics."""
    watcher = make()
    watcher.start()
    registry = registered(watcher)
    text = generate_latest(registry).decode()
    assert dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)) == NAMES
    assert set(re.findall(r"^# HELP (\S+) [A-Z].{15,}\.?$", text, re.MULTILINE)) == set(NAMES)
    modern = exposition.generate_latest(registry).decode()
    found = {family.name for family in parser.text_string_to_metric_families(modern)}
    assert found == {name.removesuffix("_total").removesuffix("_info") for name in NAMES}
    assert len([line for line in text.splitlines() if not line.startswith("#")]) <= SERIES


@pytest.mark.real_tool
def test_promtool_has_nothing_to_say(make):
    """Neither about the format nor about the names."""
    promtool = need("promtool")
    first, second = make(), make()
    first.start()
    for registry in (registered(first, second), registered(second)):
        said = subprocess.run(
            [promtool, "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False
        )
        assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")


def test_endings_are_counted_and_decide_whether_the_latest_load_was_good(make, path):
    """By result, and failures by kind; a deferred reload is pending, and neither good nor bad."""
    watcher = make()
    registry = registered(watcher)
    watcher.start()
    first = samples(registry)
    assert first["hotconf_config_last_reload_successful"] == 1
    assert {key for key in first if key.startswith("hotconf_reload_failures_total")} == {
        f"hotconf_reload_failures_total kind={kind}" for kind in get_args(Kind)
    }
    for text in ("port = 2\n", "port = 2\n", "port = [\n", 'port = "x"\n', "port = [\n"):
        path.write_text(text)
        watcher.reload()
    now = samples(registry)
    assert now["hotconf_config_last_reload_successful"] == 0
    assert now["hotconf_reloads_total result=success"] == now["hotconf_reloads_total result=unchanged"] == 1
    assert now["hotconf_reloads_total result=failed"] == 3
    assert now["hotconf_reload_failures_total kind=syntax"] == 2
    assert now["hotconf_reload_failures_total kind=schema"] == 1
    assert now["hotconf_generation"] == 2
    at = "hotconf_config_last_reload_success_timestamp_seconds"
    assert first[at] < now[at]

    with watcher.busy("a request"):
        path.write_text("port = 3\n")
        watcher.reload()
        deferred = samples(registry)
        assert deferred["hotconf_reloads_total result=deferred"] == deferred["hotconf_pending"] == 1
        assert deferred["hotconf_config_last_reload_successful"] == 0
        assert deferred[at] == now[at]
    now = samples(registry)
    assert (now["hotconf_pending"], now["hotconf_config_last_reload_successful"]) == (0, 1)


def test_durations_are_a_histogram_of_each_phase(make, path):
    """Of successful reloads: what monitoring adds up never falls."""
    watcher = make()
    registry = registered(watcher)
    watcher.start()
    for number in range(2, 5):
        path.write_text(f"port = {number}\n")
        watcher.reload()
    now = samples(registry)
    for phase in ("read", "parse", "validate", "apply"):
        assert now[f"hotconf_reload_duration_seconds_count phase={phase}"] == 3
        assert now[f"hotconf_reload_duration_seconds_bucket le=+Inf phase={phase}"] == 3
        assert now[f"hotconf_reload_duration_seconds_sum phase={phase}"] > 0


def test_what_waits_for_a_restart_is_counted(make, path):
    """It is valid, and does not take effect."""
    watcher = make()
    registry = registered(watcher)
    watcher.start()
    assert samples(registry)["hotconf_pending_restart"] == 0
    path.write_text("port = 1\nworkers = 4\n")
    watcher.reload()
    assert samples(registry)["hotconf_pending_restart"] == 1


def test_a_start_on_the_last_good_state_is_degraded(make, path, tmp_path):
    """And no good load, until there is one."""
    first = make(state_dir=tmp_path / "states")
    first.start()
    first.close()
    path.write_text("port = [\n")
    watcher = make(state_dir=tmp_path / "states")
    registry = registered(watcher)
    watcher.start()
    now = samples(registry)
    assert (now["hotconf_degraded"], now["hotconf_generation"], now["hotconf_config_last_reload_successful"]) == (
        1,
        1,
        0,
    )
    assert "hotconf_config_last_reload_success_timestamp_seconds" not in now
    path.write_text("port = 2\n")
    watcher.reload()
    now = samples(registry)
    assert (now["hotconf_degraded"], now["hotconf_config_last_reload_successful"]) == (0, 1)


def test_callbacks_that_raise_are_counted(make, path):
    """Whatever they raise."""
    watcher = make()
    registry = registered(watcher)
    watcher.start()
    watcher.on_change("port", lambda old, new: 1 / 0)
    assert samples(registry)["hotconf_callback_failures_total"] == 0
    path.write_text("port = 2\n")
    watcher.reload()
    wait_until(lambda: samples(registry)["hotconf_callback_failures_total"] == 1)


def test_watching_is_healthy_unless_changes_go_unnoticed(make, monkeypatch):
    """Polling that was asked for is healthy, and so is hot reload that is off; native events that fail are not."""
    asked = make(observer="poll")
    asked.start()
    assert samples(registered(asked))["hotconf_watch_healthy"] == 1
    off = make(dict, settings=None, layers=[{"hot_reload": {"enabled": False}}])
    off.start()
    assert samples(registered(off))["hotconf_watch_healthy"] == 1
    failing = make()
    failing.start()
    assert samples(registered(failing))["hotconf_watch_healthy"] == 1
    observer = failing._reloader.cycle.observation.observer
    monkeypatch.setattr(type(observer), "trouble", lambda self, owner: "the limit of inotify watches is reached")
    assert samples(registered(failing))["hotconf_watch_healthy"] == 0


def test_several_watchers_have_one_collector_and_names_of_their_own(make):
    """Each metric is described once; a name that is taken is refused, and so is a second collector."""
    first, second = make(), make()
    first.start()
    second.start()
    second.reload()
    registry = registered(first, second)
    assert samples(registry)["hotconf_reloads_total result=unchanged"] == 0
    assert samples(registry, "number 2")["hotconf_reloads_total result=unchanged"] == 1
    text = generate_latest(registry).decode()
    assert len(re.findall("^# HELP", text, re.MULTILINE)) == len(NAMES)
    collector = Collector(first, name="one")
    with pytest.raises(UsageError, match="name='one': give another one"):
        collector.add(second, name="one")
    with pytest.raises(UsageError, match="name='': give the label"):
        Collector(first, name="")
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(collector)


def test_the_label_is_the_main_file_or_the_model(path):
    """Without a file the model names the configuration; whatever a name holds, it is a label."""
    for given, label in ((None, "Config"), (path, "config.toml"), (path.with_name('a"b\n\udce9'), r"a\"b\\n\\udce9")):
        text = generate_latest(registered(HotReloadWatcher(given, Config))).decode()
        assert set(re.findall(r'config="((?:[^"\\]|\\.)*)"', text)) == {label}
        assert list(text_string_to_metric_families(text))


def test_a_scrape_may_ask_for_single_metrics(make):
    """As `/metrics?name[]=hotconf_generation` does."""
    watcher = make()
    watcher.start()
    some = generate_latest(registered(watcher).restricted_registry(["hotconf_generation"])).decode()
    assert set(re.findall(r"^hotconf\w+", some, re.MULTILINE)) == {"hotconf_generation"}


def test_a_scrape_before_the_start_and_after_the_close(make):
    """What is not known is absent; what was counted stays; nothing is watched."""
    watcher = make()
    registry = registered(watcher)
    before = samples(registry)
    assert not {key for key in before if key.startswith(("hotconf_config_last", "hotconf_info"))}
    assert (before["hotconf_generation"], before["hotconf_watch_healthy"]) == (0, 0)
    watcher.start()
    watcher.reload()
    running = samples(registry)
    watcher.close()
    assert samples(registry) == {**running, "hotconf_watch_healthy": 0}


def test_a_scrape_during_a_reload_does_not_wait(make, path):
    """A validator that takes long keeps nobody from reading what was before."""
    began, go_on = threading.Event(), threading.Event()

    class Slow(BaseModel):
        port: int

        def model_post_init(self, _: Any) -> None:
            if self.port == 2:
                began.set()
                go_on.wait(60)

    watcher = make(Slow)
    registry = registered(watcher)
    watcher.start()
    before = samples(registry)
    path.write_text("port = 2\n")
    watcher.reload(wait=False)
    assert began.wait(60)
    assert samples(registry) == before
    go_on.set()
    wait_until(lambda: samples(registry)["hotconf_generation"] == 2)


def test_scrapes_beside_many_reloads_never_see_a_counter_fall(make, path):
    """Nor anything else than what a parser takes."""
    watcher = make()
    registry = registered(watcher)
    watcher.start()
    seen: list[dict[str, float]] = [samples(registry)]
    done = threading.Event()

    def scrape() -> None:
        while not done.is_set():
            seen.append(samples(registry))

    scraping = threading.Thread(target=scrape)
    scraping.start()
    try:
        for number in range(60):
            path.write_text("port = [\n" if number % 3 == 0 else f"port = {number}\n")
            watcher.reload()
        wait_until(lambda: len(seen) > 3)
    finally:
        done.set()
        scraping.join()
    rising = re.compile(r"_total|_bucket|_count|hotconf_generation|timestamp")
    for before, after in pairwise(seen):
        assert [key for key in before if rising.search(key) and after[key] < before[key]] == []
    assert seen[-1]["hotconf_reloads_total result=failed"] <= 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_forked_child_has_metrics_of_its_own(tmp_path, path):
    """They go on from the parent's; the watcher of the child is at work."""
    program = """
import os, sys
from prometheus_client import CollectorRegistry
from hotconf import HotReloadWatcher
from hotconf.integrations.prometheus import Collector
watcher = HotReloadWatcher("config.toml", dict, debounce_ms=60_000, reconcile_s=3600)
registry = CollectorRegistry()
registry.register(Collector(watcher))
watcher.start()
watcher.reload()
def counted():
    return registry.get_sample_value("hotconf_reloads_total", {"config": "config.toml", "result": "unchanged"})
def healthy():
    return registry.get_sample_value("hotconf_watch_healthy", {"config": "config.toml"})
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
    print(counted(), healthy())
else:
    watcher.reload()
    print(counted(), healthy(), flush=True)
    os._exit(0)
"""
    done = completed(program, cwd=tmp_path, check=True, ignore_warnings=True)
    assert [float(word) for word in done.stdout.split()] == [2, 1, 1, 1]


def test_no_value_and_no_secret_is_in_a_scrape(make, path, monkeypatch):
    """Not even a digest of what the environment says, which could be guessed."""
    monkeypatch.setenv("APP_PASSWORD", "planted-1")
    watcher = make(layers=[Env("APP_")])
    registry = registered(watcher)
    path.write_text('port = 471147114711\npassword = "planted-2"\n')
    watcher.start()
    watcher.on_change("port", lambda old, new: int("planted-3"))
    first = generate_latest(registry).decode()
    for text in ("port = 471147114712\n", 'port = "planted-4"\n', "planted-5\n"):
        path.write_text(text)
        watcher.reload()
    wait_until(lambda: watcher.stats.callback_failures)
    both = first + generate_latest(registry).decode()
    assert "planted" not in both
    assert "711471147" not in both  # whole, or as a float has it: 4.71147114711e+011
    [digest] = re.findall(r'digest="(.*?)"', first)
    assert re.fullmatch("[0-9a-f]{12}", digest)
    monkeypatch.setenv("APP_PASSWORD", "planted-6")
    path.write_text('port = 471147114711\npassword = "planted-2"\n')
    watcher.reload()
    assert re.findall(r'digest="(.*?)"', generate_latest(registry).decode()) == [digest]


def test_a_collector_and_its_scrapes_start_nothing(make):
    """Neither a thread nor a subscription: a process with metrics idles as one without."""
    watcher = make()
    watcher.start()
    before = threading.active_count(), len(watcher._reloader.bus._callbacks), len(watcher._reloader.bus._streams)
    generate_latest(registered(watcher))
    after = threading.active_count(), len(watcher._reloader.bus._callbacks), len(watcher._reloader.bus._streams)
    assert after == before


# Several processes


EXAMPLE = Path(__file__).parents[2] / "examples" / "prometheus"
WORKER = """
import sys
from hotconf import HotReloadWatcher
from hotconf.integrations.prometheus import Collector
with HotReloadWatcher("config.toml", dict, debounce_ms=60_000, reconcile_s=3600, state_dir="states") as watcher:
    print(watcher.generation, flush=True)
    for _ in sys.stdin:
        watcher.reload()
        print(watcher.generation, flush=True)
"""


def by_process(registry: CollectorRegistry, name: str, **labels: str) -> dict[int, float]:
    """What a scrape says of each process."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    found = [sample for family in families for sample in family.samples if sample.name == name]
    wanted = [sample for sample in found if labels.items() <= sample.labels.items()]
    assert len({sample.labels["pid"] for sample in wanted}) == len(wanted)
    return {int(sample.labels["pid"]): sample.value for sample in wanted}


@pytest.fixture
def workers(tmp_path: Path, path: Path) -> Iterator[list[Program]]:
    """Two processes of a program; a line makes one reload."""
    pipe = subprocess.PIPE
    made = [Program(WORKER, cwd=tmp_path, text=True, stdin=pipe, stdout=pipe, stderr=None) for _ in range(2)]
    try:
        for each in made:
            assert each.stdout.readline() == "1\n"
        yield made
    finally:
        for each in made:
            each.kill()
            each.wait()
            each.stdin.close()
            each.stdout.close()


def reloaded(worker: Program) -> str:
    """Have it reload: its generation then."""
    worker.stdin.write("\n")
    worker.stdin.flush()
    return worker.stdout.readline().strip()


def test_in_multiprocess_mode_a_scrape_has_all_processes(workers, path, tmp_path, monkeypatch):
    """Whichever answers it, by their numbers; those that ended are gone, also if they were killed."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    scraped = HotReloadWatcher(path, dict, state_dir=tmp_path / "states")  # which need not run itself
    registry = registered(scraped)
    first, second = workers
    pids = {first.pid, second.pid}
    wait_until(lambda: by_process(registry, "hotconf_generation") == dict.fromkeys(pids, 1))
    assert len(set(re.findall(r'digest="(\w+)"', generate_latest(registry).decode()))) == 1
    path.write_text("port = 2\n")
    assert reloaded(first) == "2"
    wait_until(lambda: by_process(registry, "hotconf_generation") == {first.pid: 2, second.pid: 1})
    assert len(set(re.findall(r'digest="(\w+)"', generate_latest(registry).decode()))) == 2
    path.write_text("port = [\n")
    assert reloaded(second) == "1"
    good = "hotconf_config_last_reload_successful"
    wait_until(lambda: by_process(registry, good) == {first.pid: 1, second.pid: 0})
    assert by_process(registry, "hotconf_reload_failures_total", kind="syntax") == {first.pid: 0, second.pid: 1}
    assert by_process(registry, "hotconf_watch_healthy") == dict.fromkeys(pids, 1)
    first.kill()
    first.wait()
    assert set(by_process(registry, "hotconf_generation")) == {second.pid}
    second.stdin.close()  # its watcher is closed
    second.wait()
    assert by_process(registry, "hotconf_generation") == {}
    said = subprocess.run(
        [need("promtool"), "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False
    )
    assert (said.returncode, said.stdout) == (0, b"")


def test_in_multiprocess_mode_a_state_directory_is_needed(make, tmp_path, monkeypatch):
    """There is nowhere else where processes could say how they are."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with pytest.raises(UsageError, match="state_dir: give it one"):
        Collector(make())
    (tmp_path / "others").mkdir()
    (tmp_path / "others").chmod(0o777)  # not to be trusted: nothing is read there
    assert by_process(registered(make(state_dir=tmp_path / "others")), "hotconf_generation") == {}


@pytest.mark.parametrize("stats", [{}, {"endings": 1}, {"succeeded_at": "never"}, {"durations": {"read": {}}}])
def test_a_status_that_makes_no_sense_is_left_out(workers, path, tmp_path, monkeypatch, stats):
    """Of another version, for instance; the other processes are there."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    registry = registered(HotReloadWatcher(path, dict, state_dir=tmp_path / "states"))
    wait_until(lambda: len(by_process(registry, "hotconf_generation")) == 2)
    read = prometheus.statuses

    def odd(*given: Any) -> list[Any]:
        first, second = read(*given)
        return [first, second._replace(stats={**second.stats, **stats} if stats else {})]

    monkeypatch.setattr(prometheus, "statuses", odd)
    assert len(by_process(registry, "hotconf_generation")) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="gunicorn forks")
def test_the_example_has_every_worker_of_gunicorn_in_a_scrape(tmp_path):
    """Started as it says: a save reaches both, and one scrape shows it."""
    root = tmp_path / "example"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("__pycache__", "state", "metrics"))
    (root / "metrics").mkdir()
    command = [sys.executable, "-W", "ignore", "-m", "gunicorn", "--bind=127.0.0.1:0", "--workers=2"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--no-control-socket", "app:application"],
            cwd=root,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": "metrics"},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: "Listening at" in (tmp_path / "log").read_text())
        [address] = re.findall(r"Listening at: (http://\S+)", (tmp_path / "log").read_text())

        def generations() -> list[float]:
            with urllib.request.urlopen(address, timeout=60) as response:
                text = response.read().decode()
            assert "greetings_total 2.0" in text or text.count("hotconf_generation{") < 2
            families = {each.name: each for each in text_string_to_metric_families(text)}
            return [sample.value for sample in families["hotconf_generation"].samples]

        def counting() -> list[int]:
            return [file.stat().st_size for file in (root / "metrics").glob("counter_*.db")]

        # prometheus_client answers 500 while a worker makes its file
        wait_until(lambda: len(counting()) == 2 and all(counting()))
        wait_until(lambda: generations() == [1, 1])
        (root / "config.toml").write_text('greeting = "good day"\n')
        wait_until(lambda: generations() == [2, 2])
    finally:
        server.terminate()
        server.wait(60)
