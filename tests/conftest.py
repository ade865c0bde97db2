"""Settings that must be made before the first test is imported."""

import os

import pytest

# Numerical libraries use one thread each: with small matrices, several wait longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

pytest.register_assert_rewrite("tests.engines.contract")  # a suite that several test files inherit
