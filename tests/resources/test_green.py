"""Under gevent and eventlet factories are greenlets among the program's own, and nobody waits in another way."""

from __future__ import annotations

from pathlib import Path

import pytest

from system.green import ORDERS, run_green

PROGRAM = """
    import threading, time
    from hotconf.resources.keeper import Keeper
    from hotconf.resources.preparation import Made, Wanted
    from hotconf.resources.published import Published
    from hotconf.resources.resource import Recipe
    from hotconf.system import green

    keeper = Keeper("config.toml")
    published = Published(keeper)
    green.enter(published)
    said, ticks = [], []
    lock = threading.Lock()  # a patched one

    def tick():
        while True:
            ticks.append(1)
            nap(0.002)

    def until(condition):
        deadline = time.monotonic() + 40
        while not condition():
            assert time.monotonic() < deadline, condition
            nap(0.005)

    def make(value):
        before = len(ticks)
        with lock:
            nap(0.05)
        assert len(ticks) > before + 3
        said.append(f"make {value}")
        yield value
        nap(0.05)
        said.append(f"close {value}")

    pool = published.register(Recipe("pool", 0, lambda config: config, make, timeout_s=5))

    def publish(value):
        outcomes = []
        keeper.prepare([Wanted(pool, lambda: value)], outcomes.append)
        until(lambda: outcomes)
        assert isinstance(outcomes[0], Made), outcomes[0]
        keeper.retire(published.publish(value, outcomes[0]))

    spawn(tick)
    publish(1)
    with pool.use() as value:
        publish(2)
        nap(0.1)
        assert said == ["make 1", "make 2"], said
    until(lambda: "close 1" in said)
    before = len(ticks)
    assert keeper.close(published.withdraw(), 30)
    assert len(ticks) > before + 3
    green.leave(published)
    print(*said, sep=", ")
"""


@pytest.mark.parametrize(("name", "late"), ORDERS)
def test_factories_are_greenlets(tmp_path: Path, name: str, late: bool) -> None:
    """They may use what was patched, others run meanwhile, and closing waits for leases."""
    assert run_green(PROGRAM, name, late=late, cwd=tmp_path) == "make 1, make 2, close 1, close 2\n"
