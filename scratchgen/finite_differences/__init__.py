"""Is a claimed gradient right, and if not, which term is wrong: the public checker.

`gradcheck` compares a gradient with central differences, block by block; `gradcheck_pair` does so for a
forward/backward pair; `taylor_test` measures the order at which the Taylor remainder vanishes.
"""

from scratchgen.finite_differences.coordinates import GradcheckReport, gradcheck
from scratchgen.finite_differences.pairs import gradcheck_pair
from scratchgen.finite_differences.taylor import TaylorReport, taylor_test

__all__ = ["GradcheckReport", "TaylorReport", "gradcheck", "gradcheck_pair", "taylor_test"]
