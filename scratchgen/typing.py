"""Types of the signatures: ``Float[Array, "batch features"]`` states a dtype and named dimensions.

The annotations are documentation for a reader and for mypy, and the tests check them at run time with jaxtyping.
Without jaxtyping, or before somebody imports it, they stand for plain arrays: users neither need it nor wait for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

Array = Any  # a NumPy, CuPy or array-API array: the three have no common base class

if TYPE_CHECKING or sys.modules.get("jaxtyping") is not None:
    from jaxtyping import Float, Int
else:

    class _Shaped:
        def __class_getitem__(cls, item: Any) -> Any:
            return Any

    Float = Int = _Shaped

__all__ = ["Array", "Float", "Int"]
