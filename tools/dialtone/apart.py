"""Modules of this program in processes of their own, for bytes of strangers that large libraries
read: whatever goes wrong there, a crash included, costs the answer and nothing else."""

import resource
import subprocess
import sys


def answer(module: str, words: tuple[str, ...], data: bytes, seconds: int) -> bytes | None:
    """What `python -m MODULE WORDS` writes for the data on its stdin; None where it writes nothing,
    fails, cannot be started or takes longer than so many seconds.

    words  can be read by every user of the machine: nothing of the content
    """
    # -P: a file that was received into the current folder is no module, whatever it is called.
    command = [sys.executable, "-P", "-m", module, *words]
    try:
        done = subprocess.run(
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 and done.stdout else None


def bound(memory: int, seconds: int) -> None:
    """In such a module: from here on at most so many bytes of memory and seconds of work, and no
    file is written, not even that of a crash."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
