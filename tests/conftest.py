"""Choose the folder of compiled kernels before any test module imports numba."""

from dialtone import kernels

kernels.prepare()
