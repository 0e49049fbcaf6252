"""A sound server of the tests' own, without a sound card: PipeWire with two cables that come back.

What is played into a cable can be recorded from it. It runs in a folder of its own, beside any
sound server of whoever runs the tests, and is gone afterwards.

Virtual machines stand still for tens of milliseconds whenever their host is busy, and programs of
theirs may have no real-time priority. So the server moves 8192 frames at a time, 0.17 s: as long it
may be kept from working without a gap in the sound.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dialtone.listening.station import Station
from dialtone.monitor.server import Server
from playwright.sync_api import Browser, Playwright, sync_playwright

from ..tools.monitor_client import listening, serving
from .pages import Pages, launched

PROGRAM = (sys.executable, "-m", "dialtone")
NEEDED = ("dbus-daemon", "pipewire", "wireplumber", "wpctl", "pw-link")
READY_S = 20.0
LONGEST_S = 240  # for one test

# What the server can move at a time at most.
_CYCLES = """
context.properties = {
  default.clock.quantum = 8192 default.clock.min-quantum = 8192 default.clock.max-quantum = 8192 }
"""
_LATENCY_S = 0.6
_NODE = """
  { factory = adapter args = {
      factory.name = support.null-audio-sink node.name = %s media.class = %s
      object.linger = true audio.position = [ FL FR ] monitor.channel-volumes = true
      priority.session = %d } }"""
# The session manager connects who asks for a node by name to sinks and to sources, but not to the
# recording side of a node that is both: `spare` is made of two.
_NODES = (
    ("cable", "Audio/Duplex", 2000),
    ("spare", "Audio/Sink", 1000),
    ("spare-heard", "Audio/Source/Virtual", 1000),
)
_LINKS = tuple((f"spare:monitor_{side}", f"spare-heard:input_{side}") for side in ("FL", "FR"))
# `slow` runs at 44.1 kHz only.
_ALSA = """
</usr/share/alsa/alsa.conf>
pcm.cable { type pipewire playback_node cable capture_node cable }
pcm.spare { type pipewire playback_node spare capture_node spare-heard }
pcm.slow { type pipewire playback_node cable capture_node cable rate 44100 }
pcm.!default { type pipewire }
"""


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """A test that waits for what never comes fails, and says what it waited for."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not over after {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


class SoundServer:
    """PipeWire, its session manager and a bus for the two.

    env  the environment of programs that are to find it
    The default device is `cable`; `spare` is another one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        settings = folder / "config" / "pipewire" / "pipewire.conf.d"
        settings.mkdir(parents=True)
        nodes = "".join(_NODE % node for node in _NODES)
        (settings / "cables.conf").write_text(f"{_CYCLES}context.objects = [{nodes}\n]\n")
        alsa = folder / "alsa.conf"
        alsa.write_text(_ALSA)
        self.env = os.environ | {
            "XDG_RUNTIME_DIR": str(runtime),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
            "ALSA_CONFIG_PATH": str(alsa),
            "OPENBLAS_NUM_THREADS": "1",
            "DIALTONE_LATENCY": str(_LATENCY_S),
        }
        self._env = self.env | {
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        self._running: list[subprocess.Popen[bytes]] = []
        address = self.env["DBUS_SESSION_BUS_ADDRESS"]
        self._bus = self._program("dbus-daemon", "--session", "--nofork", f"--address={address}")

    def start(self) -> None:
        """Start the server where it does not run; returns when the default device is there."""
        if self._running:
            return
        self._await(partial(self._listens, "bus"))
        self._running = [self._program("pipewire")]
        self._await(partial(self._listens, "pipewire-0"))
        self._running.append(self._program("wireplumber"))
        self._await(lambda: all(self._answers(side) for side in ("SINK", "SOURCE")))
        for link in _LINKS:
            self._await(partial(self._does, "pw-link", *link))

    def stop(self) -> None:
        """Kill the server, as a crash would."""
        for process in self._running:
            process.kill()
            process.wait()
        self._running = []

    def hold(self) -> None:
        """Let the server hang: it neither works nor ends. `stop` and `start` bring it back."""
        self._running[0].send_signal(signal.SIGSTOP)

    def close(self) -> None:
        self.stop()
        self._bus.kill()
        self._bus.wait()

    def log(self) -> str:
        """What the server's programs have said."""
        return (self._folder / "log").read_text(errors="replace")

    def _program(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(command, env=self._env, stdout=log, stderr=log)

    def _await(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_S
        while not ready():
            assert time.monotonic() < deadline, self.log()

    def _listens(self, name: str) -> bool:
        """Whether a socket takes connections: that of a killed server is there, too."""
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(f"{self.env['XDG_RUNTIME_DIR']}/{name}") == 0

    def _does(self, *command: str) -> bool:
        return (
            subprocess.run(command, env=self._env, capture_output=True, timeout=5).returncode == 0
        )

    def _answers(self, side: str) -> bool:
        """Whether the session manager has found the default sink, or source, to be the cable."""
        command = ("wpctl", "inspect", f"@DEFAULT_AUDIO_{side}@")
        try:
            told = subprocess.run(command, env=self._env, capture_output=True, timeout=2).stdout
        except subprocess.TimeoutExpired:
            return False
        return b'node.name = "cable"' in told


@pytest.fixture(scope="session")
def _server() -> Iterator[SoundServer]:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    assert not missing, f"{', '.join(missing)}: not installed; .ci/install-system does it"
    # Not pytest's folder for temporary files: the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="dialtone-live-"))
    server = SoundServer(folder)
    try:
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sound_server(_server: SoundServer, monkeypatch: pytest.MonkeyPatch) -> SoundServer:
    """A sound server that runs; this process finds it, too."""
    _server.start()
    for name, value in _server.env.items():
        monkeypatch.setenv(name, value)
    return _server


@pytest.fixture
def start(sound_server: SoundServer, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start the program as a process that finds the sound server; killed at the end if need be."""
    running: list[subprocess.Popen[bytes]] = []
    home = {"DIALTONE_HOME": str(tmp_path / ".home")}

    def call(*arguments: object, **options: Any) -> "subprocess.Popen[bytes]":
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        environment = sound_server.env | home | options.pop("env", {})
        command = [*PROGRAM, *map(str, arguments)]
        process = subprocess.Popen(command, env=environment, **pipes | options)
        running.append(process)
        return process

    yield call
    for process in running:
        process.kill()
        with contextlib.suppress(ValueError):  # its pipes are closed already
            process.communicate()


@pytest.fixture
def busy() -> Iterator[None]:
    """The other core computes all the time."""
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    spinning.kill()
    spinning.wait()


# The monitor page in a browser


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with launched(playwright) as browser:
        yield browser


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process looks for keys."""
    monkeypatch.setenv("DIALTONE_HOME", str(tmp_path / ".home"))
    return tmp_path / ".home"


@pytest.fixture
def station(tmp_path: Path, home: Path) -> Iterator[Station]:
    with listening(tmp_path) as station:
        yield station


@pytest.fixture
def server(station: Station) -> Iterator[Server]:
    with serving(station) as server:
        yield server


@pytest.fixture
def pages(server: Server) -> Iterator[Pages]:
    """They are closed before their server: it would be missed, with an error in the console."""
    with ExitStack() as stack:
        pages = Pages(stack)
        yield pages
    assert pages.elsewhere == []
    assert pages.complaints == []
