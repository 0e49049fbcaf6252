"""What has to be so before any test begins: the folder of compiled kernels, and signals that reach
the programs that are tested."""

import os
import signal

from dialtone import kernels

# In the background, under nohup, in some build services they are ignored, and so they would be by
# every program that is started from here. Handlers are not inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

# Before any test module imports numba.
folder = kernels.prepare()
# numba numbers the files of a function's variants by what it finds: two processes that compile
# two variants at the same moment could take each other's. So each worker has a folder of its own.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["NUMBA_CACHE_DIR"] = str(folder / worker)
