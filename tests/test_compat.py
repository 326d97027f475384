"""Properties that are computed once for each object, without a lock."""

import threading

from hotconf.compat import cached


class Room:
    def __init__(self) -> None:
        self.computed = 0

    @cached
    def size(self) -> int:
        """How large."""
        self.computed += 1
        return 42


def test_it_is_computed_once_for_each_object():
    """And belongs to the class as other properties do."""
    first, second = Room(), Room()
    assert (first.size, first.size, second.size) == (42, 42, 42)
    assert (first.computed, second.computed) == (1, 1)
    assert Room.size.__doc__ == "How large."


def test_nobody_waits_for_another_object():
    """Not even during the computation: a forked child would wait forever."""
    inside, go_on = threading.Event(), threading.Event()

    class Slow:
        def __init__(self, *, waits: bool) -> None:
            self.waits = waits

        @cached
        def value(self) -> int:
            if self.waits:
                inside.set()
                assert go_on.wait(30)
            return 1

    thread = threading.Thread(target=lambda: Slow(waits=True).value)
    thread.start()
    assert inside.wait(30)
    assert Slow(waits=False).value == 1
    go_on.set()
    thread.join()
