"""Shared by the engines' tests: the contract suite's asserts explain themselves as a test file's would."""

import pytest

pytest.register_assert_rewrite("tests.engines.contract")
