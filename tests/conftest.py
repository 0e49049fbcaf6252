"""Choose the folder of compiled kernels before any test module imports numba."""

import os

from dialtone import kernels

folder = kernels.prepare()
# numba numbers the files of a function's variants by what it finds: two processes that compile
# two variants at the same moment could take each other's. So each worker has a folder of its own.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["NUMBA_CACHE_DIR"] = str(folder / worker)
