"""The command `listen`: a receiver that is left on for months."""

import re
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dialtone import keystore, ready
from dialtone.errors import Failure, Terminated, interrupted
from dialtone.output import Output

if TYPE_CHECKING:
    from dialtone.listening.journal import Journal
    from dialtone.listening.station import Station
    from dialtone.opening import OpenOptions

_HOST = "127.0.0.1"
_PORT_MAX = 65535
TOKEN = "monitor.token"
_ADDRESS = re.compile(r"(?:(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+):)?(\d{1,5})")
_DAY_S = 86400.0
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """What the command line asked for.

    devices    words for sound devices; none and no stdin: the default one
    monitor    [HOST:]PORT of the page
    keep_days  how long an unfinished transfer waits for its next packet [days]
    limit_s    how long the command of --exec may take [s]
    """

    folder: Path
    keys: "OpenOptions"
    devices: tuple[str, ...] = ()
    stdin: bool = False
    rate: int | None = None
    channels: int | None = None
    monitor: str | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    command: str | None = None
    limit_s: float = 300.0
    keep_days: float = 30.0

    def inputs(self) -> tuple[str | None, ...]:
        """The devices to listen to."""
        return self.devices or (() if self.stdin else (None,))


def listen(options: ListenOptions, out: Output) -> None:
    """Do what `dialtone listen` was asked to do: return when all inputs have ended, or go on until
    a signal comes. Raises Failure where it cannot begin."""
    if options.folder.exists() and not options.folder.is_dir():
        raise Failure(f"{options.folder} is not a folder", "give another one with -d")
    if len(set(options.devices)) < len(options.devices):
        raise Failure("a --device is given twice", "give each once")
    address = page_address(options)
    from dialtone.listening import hooks
    from dialtone.opening import Opening

    command = None if options.command is None else hooks.parse(options.command)
    opening = Opening(options.keys, out)
    # A daemon can ask for passphrases now, and never again.
    private_keys = opening.keys.private_keys()
    opening.keys = replace(opening.keys, private_keys=lambda: private_keys)
    ready.prepare(out)
    from dialtone.listening.hub import Hub
    from dialtone.listening.journal import Journal
    from dialtone.listening.station import Inputs, Station

    hub = Hub()
    shown = sys.stderr.isatty() and not out.as_json
    journal = Journal(out, hub, silent=shown)
    runner = None if command is None else hooks.Hooks(command, options.limit_s, journal)
    inputs = Inputs(options.inputs(), options.stdin, options.rate, options.channels)
    folder = options.folder.absolute()
    station = Station(folder, opening, journal, inputs, options.keep_days * _DAY_S, runner)
    with ExitStack() as parts, _Faults() as faults:
        journal.tell("listening", f"what arrives goes to {folder}", folder=folder)
        if address is not None:
            parts.callback(_serve(station, journal, address, options, out))
        if shown:
            from dialtone.listening.view import View

            parts.enter_context(View(hub))
        _run(station, journal, faults, forever=address is not None)


def _run(station: "Station", journal: "Journal", faults: "_Faults", forever: bool) -> None:
    """forever: also without an input, as the page may bring some."""
    try:
        station.start()
        while forever or not station.ended:
            faults.wait(_LOOK_S)
            journal.flush()
        station.finish()
        faults.wait(0.0)
        journal.tell("stopped", "all inputs have ended")
    except (KeyboardInterrupt, Terminated) as ending:
        journal.tell("stopping", "asked to stop: what was heard is stored first")
        station.stop()
        journal.tell("stopped", "stopped; what has arrived of unfinished transfers is kept")
        if isinstance(ending, Terminated):
            raise
        kept = ", and what has arrived of unfinished transfers is kept"
        raise interrupted(kept) from None


def _serve(
    station: "Station",
    journal: "Journal",
    address: tuple[str, int],
    options: ListenOptions,
    out: Output,
) -> Callable[[], None]:
    """Start the page; returns what stops it. Raises Failure where it cannot be had."""
    from dialtone.monitor.access import kept_token, needs_token
    from dialtone.monitor.server import Server

    host, port = address
    token_file = keystore.home() / TOKEN
    token = kept_token(token_file) if needs_token(host) else None
    server = Server(station, host, port, token, options.certificate, options.certificate_key)
    server.start()
    # The token is for whoever stands at this terminal; the log may be read by others.
    plain_url = server.url.partition("?")[0]
    told = f"; its token is in {token_file}" if token is not None else ""
    if token is not None and sys.stderr.isatty():
        out.say(f"open {server.url}")
    journal.tell("monitor", f"the page is at {plain_url}{told}", url=plain_url)
    return server.stop


class _Faults:
    """Within it, a fault of the program in any of its threads ends the whole: whoever has started
    it can start it again, while a daemon with a dead thread would look alive."""

    def __init__(self) -> None:
        self._happened = threading.Event()
        self._error: BaseException | None = None

    def wait(self, timeout_s: float) -> None:
        """Wait, and raise what has happened meanwhile."""
        if self._happened.wait(timeout_s) and self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        self._before = threading.excepthook
        threading.excepthook = self._note
        return self

    def __exit__(self, *_: object) -> None:
        threading.excepthook = self._before

    def _note(self, facts: threading.ExceptHookArgs) -> None:
        self._error = facts.exc_value
        self._happened.set()


def page_address(options: ListenOptions) -> tuple[str, int] | None:
    """Where the page is to be; None for nowhere. Raises Failure."""
    if options.certificate_key is not None and options.certificate is None:
        raise Failure("--monitor-key is the key of a certificate", "give --monitor-cert, too")
    if options.monitor is None:
        if options.certificate is not None:
            raise Failure("--monitor-cert is for the page", "give --monitor, too")
        return None
    return parse_address(options.monitor)


def parse_address(text: str) -> tuple[str, int]:
    """HOST and PORT of --monitor. Raises Failure."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[2]) > _PORT_MAX:
        raise Failure(f"--monitor {text}: this is no [HOST:]PORT", "give 8080 or 0.0.0.0:8080")
    return (match[1] or _HOST).strip("[]"), int(match[2])
