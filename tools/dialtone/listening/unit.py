"""A systemd unit that runs `dialtone listen` with given options, and with as few rights as it
needs. Directives: systemd.exec(5), systemd.service(5), systemd.resource-control(5)."""

import os
import pwd
import re
import shlex
import sys
from pathlib import Path

from dialtone import keystore
from dialtone.errors import ExitCode, Failure
from dialtone.listen import TOKEN, ListenOptions, page_address, parse_address
from dialtone.listening import hooks

_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))
_PLAIN = re.compile(r"[A-Za-z0-9_@+,./:=-]+")

_UNIT = """\
[Unit]
Description=Dialtone receiver
After=sound.target{after}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
User={user}
SupplementaryGroups=audio
Restart=always
RestartSec=2
# Wrong usage, or a key that is none: to start again would not help.
RestartPreventExitStatus={usage} {key}
SuccessExitStatus={terminated}
TimeoutStopSec=30
MemoryMax={memory}
UMask=0077
Environment={environment}
# Compiled kernels are kept here.
CacheDirectory=dialtone
CacheDirectoryMode=0700

# What it may write: the inbox, which has to be there, and the one-time keys, which are erased after
# their use.
ProtectSystem=strict
ReadWritePaths={writable}
{private}

# What it may use: sound devices{network_too}.{hook}
DevicePolicy=closed
DeviceAllow=char-alsa rw
{network}
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateMounts=yes
KeyringMode=private
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute: numba compiles the kernels when they are first used.

[Install]
WantedBy=multi-user.target
"""


def unit(options: ListenOptions, as_json: bool) -> str:
    """The unit file, for this user and these options. Raises Failure for options that need a
    terminal or a pipe; makes the token of the page where one is needed, as the service could not.
    """
    if options.stdin:
        raise Failure("a service has no stdin", "give a sound device with --device")
    if options.keys.passphrase.prompt:
        raise Failure("a service cannot ask for a passphrase", "give --passphrase-file FILE")
    address = page_address(options)
    program = _program()
    words, paths = _words(options)
    if as_json:
        words.append("--json")
    home = keystore.home().absolute()
    folder = options.folder.absolute()
    paths += [folder, home, Path(program[0]), Path(sys.prefix), Path(sys.base_prefix)]
    writable = [folder]
    if not options.keys.shares:
        writable.append(home / "identities")
    variables = (f"DIALTONE_HOME={home}", "XDG_CACHE_HOME=/var/cache", "OPENBLAS_NUM_THREADS=1")
    hook = "\n# The command of --exec has the same rights and no more: widen them for what it does."
    return _UNIT.format(
        after=" network-online.target" if address else "",
        command=" ".join(map(_argument, [*program, "listen", *words])),
        user=pwd.getpwuid(os.getuid()).pw_name,
        usage=int(ExitCode.USAGE),
        key=int(ExitCode.KEY),
        terminated=int(ExitCode.TERMINATED),
        # To fit a photo of 48 megapixels, which the page may be given, takes 600 MB alone.
        memory="2G" if address else "600M",
        environment=" ".join(map(quoted, variables)),
        writable=" ".join(
            f"-{quoted(str(p))}" if p != folder else quoted(str(p)) for p in writable
        ),
        private=_private(paths),
        network_too=", and the network for the page" if address else "",
        hook=hook if options.command else "",
        network=_network(address[0] if address else None),
    )


def _program() -> list[str]:
    """How to start this very program."""
    script = Path(sys.argv[0])
    if script.name == "dialtone" and script.is_file():
        return [str(script.absolute())]
    return [sys.executable, "-m", "dialtone"]


def _words(options: ListenOptions) -> tuple[list[str], list[Path]]:
    """The command line behind `dialtone listen`, with absolute paths, and these."""
    keys, paths = options.keys, list[Path]()

    def file(path: Path) -> str:
        paths.append(path.absolute())
        return str(path.absolute())

    words = [word for name in options.devices for word in ("--device", name)]
    words += ["-d", str(options.folder.absolute())]
    if options.monitor is not None:
        from dialtone.monitor.access import kept_token, needs_token

        host, port = parse_address(options.monitor)
        words += ["--monitor", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        if needs_token(host):
            kept_token(keystore.home() / TOKEN)
    if options.command is not None:
        command = hooks.parse(options.command)
        file(Path(command[0]))
        words += ["--exec", shlex.join(command), "--exec-limit", f"{options.limit_s:g}"]
    words += ["--keep", f"{options.keep_days:g}"]
    for name in keys.identities:
        words += ["--identity", file(Path(name)) if Path(name).is_file() else name]
    for option, path in (
        ("--monitor-cert", options.certificate),
        ("--monitor-key", options.certificate_key),
        ("--identity-passphrase-file", keys.identity_passphrase_file),
        ("--passphrase-file", keys.passphrase.file),
        *(("--shares", share) for share in keys.shares),
    ):
        if path is not None:
            words += [option, file(path)]
    for option, number in (("--rate", options.rate), ("--channels", options.channels)):
        if number is not None:
            words += [option, str(number)]
    return words, paths


def _private(paths: list[Path]) -> str:
    """What is hidden of homes and temporary folders, where nothing in them is needed."""
    homes = any(path.is_relative_to(home) for path in paths for home in _HOMES)
    temporary = any(path.is_relative_to(folder) for path in paths for folder in _TEMPORARY)
    lines = [f"ProtectHome={'read-only' if homes else 'yes'}"]
    return "\n".join(lines if temporary else [*lines, "PrivateTmp=yes"])


def _network(host: str | None) -> str:
    if host is None:
        return "PrivateNetwork=yes\nIPAddressDeny=any\nRestrictAddressFamilies=AF_UNIX"
    from dialtone.monitor.access import needs_token

    families = "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"
    if needs_token(host):
        return families
    return f"{families}\nIPAddressAllow=localhost\nIPAddressDeny=any"


def quoted(word: str) -> str:
    """A word as systemd reads it back: systemd.syntax(7) quotes and %%."""
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    escaped = escaped.replace("\n", "\\n")
    return f'"{escaped}"'


def _argument(word: str) -> str:
    """The same in a command line, and there alone $ means a variable: systemd.service(5)."""
    return quoted(word.replace("$", "$$"))
