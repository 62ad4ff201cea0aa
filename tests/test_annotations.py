"""The shapes in the annotations of `ops` and `nn` are checked at every call that a test makes."""

from __future__ import annotations

import jaxtyping
import numpy as np
import pytest

from scratchgen.ops.divergences import kl_standard_normal_forward


def test_a_shape_that_contradicts_its_annotation_is_an_error():
    kl_standard_normal_forward(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(jaxtyping.TypeCheckError):
        kl_standard_normal_forward(np.zeros((2, 3)), np.zeros((2, 4)))
