"""A thread whose end can be waited for once more, after a signal has broken off the waiting."""

import threading
from collections.abc import Callable


class Worker(threading.Thread):
    """A thread of the daemon. Up to Python 3.12 a `join` that Ctrl-C breaks off takes the thread
    for ended, though it runs: so its end is waited for in another way."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self._over = threading.Event()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._over.set()

    def await_end(self) -> None:
        """Returns when it has ended, and at once where it has not begun."""
        if self.ident is not None:
            self._over.wait()
            self.join()  # all that is left is to tell of a fault
