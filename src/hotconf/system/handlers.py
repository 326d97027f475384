"""Handlers of signals that a program asks for, beside whatever else handles the signal.

Rule 1: there is one handler for a signal, however many ask for it. It does what they ask for, which is to post, then
calls what was there before.
Rule 2: after the last of them what was there before is restored, unless ours has been replaced since. Then ours, if
it is called, only calls what was there before.
Rule 3: only the main thread can restore. If the last one was closed elsewhere, the next signal does.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hotconf.arguments import wrong
from hotconf.errors import UsageError
from hotconf.system import fork, threads

if TYPE_CHECKING:
    import threading
    from types import FrameType, TracebackType
    from typing import Self


class _Hooks(fork.ForkAware):
    """All of this process. A forked child inherits them."""

    __slots__ = ("by_number", "lock")

    def __init__(self) -> None:
        self.by_number: dict[int, _Hook] = {}
        self.lock = threads.rlock()
        """Held while the hooks change, never in a handler."""
        fork.register(self)

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """The one lock."""
        return ((fork.INNER, self.lock),)

    def abandon(self) -> None:
        """In a forked child: another thread of the parent may hold the lock."""
        self.lock = threads.rlock()


_hooks: Final = _Hooks()


class SignalHandle:
    """What a signal does for one watcher; `close()`, or leaving its `with` block, ends it."""

    __slots__ = ("_hook", "action", "owner")

    def __init__(self, hook: _Hook | None, owner: object, action: Callable[[], object]) -> None:
        self._hook = hook
        self.owner = owner
        self.action = action

    @property
    def closed(self) -> bool:
        """Whether the signal does nothing any more for this watcher."""
        return self._hook is None

    def close(self) -> None:
        """End it. Idempotent; any thread may call it. The signal is handled as before then, unless others need it."""
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Hook:
    """One signal, and those that ask for it."""

    __slots__ = ("handles", "link", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.handles: tuple[SignalHandle, ...] = ()
        """Replaced, never changed: a signal may arrive at any moment."""
        self.link: _Link | None = None
        """What is installed."""

    def add(self, owner: object, action: Callable[[], object]) -> SignalHandle:
        self._install()
        for handle in self.handles:
            if handle.owner is owner:
                return handle
        handle = SignalHandle(self, owner, action)
        self.handles = (*self.handles, handle)
        return handle

    def remove(self, handle: SignalHandle) -> None:
        with _hooks.lock:
            self.handles = tuple(each for each in self.handles if each is not handle)
            if not self.handles:
                self.restore()

    def _install(self) -> None:
        current = signal.getsignal(self.number)
        if current is None:
            raise UsageError(f"{_name(self.number)} is handled outside of Python, which cannot be chained")
        link = current if isinstance(current, _Link) and current is self.link else _Link(self, current)
        try:
            signal.signal(self.number, link)
        except ValueError:
            text = "handlers of signals are installed by the main thread: call reload_on() there, or call"
            raise UsageError(f"{text} watcher.reload(wait=False) in a handler of your own") from None
        except OSError as error:
            raise UsageError(f"{_name(self.number)} cannot be handled: {error.strerror}") from None
        self.link = link

    def restore(self) -> bool:
        """Whether what was there before is there again."""
        installed = signal.getsignal(self.number)
        if not isinstance(installed, _Link) or installed is not self.link:
            return False
        try:
            signal.signal(self.number, installed.before)
        except ValueError:  # not the main thread
            return False
        self.link = None
        return True


class _Link:
    """A handler, and what it has replaced."""

    __slots__ = ("before", "hook")

    def __init__(self, hook: _Hook, before: Any) -> None:
        self.hook = hook
        self.before = before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        handles = self.hook.handles
        if self.hook.link is self:  # not one that is called by what was installed over it
            for handle in handles:
                handle.action()
        if callable(self.before):
            self.before(number, frame)
        elif not handles and self.hook.restore() and self.before == signal.SIG_DFL:
            signal.raise_signal(number)


def on_signal(number: object, owner: object, action: Callable[[], object]) -> SignalHandle:
    """Call `action` at each signal `number`, in the main thread, at any moment: it may only post. Once an owner.

    Raises `UsageError` for what is no signal or cannot be handled, and outside of the main thread.
    """
    if not isinstance(number, int) or isinstance(number, bool) or number not in signal.valid_signals():
        raise wrong("signum", number, "a signal, such as signal.SIGHUP")
    with _hooks.lock:
        return _hooks.by_number.setdefault(int(number), _Hook(int(number))).add(owner, action)


def never(owner: object) -> SignalHandle:
    """A handle that is closed: where nothing is to be installed."""
    return SignalHandle(None, owner, lambda: None)


def _name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
