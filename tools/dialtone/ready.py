"""Makes the compiled kernels ready, and says so when that takes a while."""

from dialtone import kernels
from dialtone.output import Output


def prepare(out: Output) -> None:
    """Choose the folder of compiled kernels; tell of the wait when it is still empty."""
    folder = kernels.prepare()
    if not any(folder.rglob("*.nbi")):
        out.event("compiling")
        out.say("first run of this version: compiling takes a few seconds more")
