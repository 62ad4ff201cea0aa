"""Differentiable pieces as pairs of functions: ``f_forward(x) -> (y, cache)``, ``f_backward(dy, cache) -> dx``.

``dx`` is the gradient of the loss with respect to ``x`` and has its type and shape. Fused pieces take a `backend`,
which chooses the variant of their kernel; its default is the reference, plain array code for any array library.
"""
