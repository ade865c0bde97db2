"""Shared by the engines' tests: the contract suite's asserts are rewritten as those of a test file."""

import pytest

pytest.register_assert_rewrite("tests.engines.contract")
