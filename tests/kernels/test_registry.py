"""What exists under kernels/, and that the three variants of an operation are interchangeable."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys

import pytest

from scratchgen import kernels
from scratchgen.kernels import Operation, all_operations


def _modules():
    return [importlib.import_module(f"{kernels.__name__}.{m.name}") for m in pkgutil.iter_modules(kernels.__path__)]


@pytest.mark.parametrize("name", sorted(all_operations()))
def test_variants_have_one_signature(name):
    operation = all_operations()[name]
    signatures = [inspect.signature(f) for f in (operation.reference, operation.cpu, operation.cuda)]
    reference, *others = [[(p.name, p.kind, p.default) for p in s.parameters.values()] for s in signatures]
    assert all(other == reference for other in others)


def test_every_operation_is_registered():
    defined = {name: v for module in _modules() for name, v in vars(module).items() if isinstance(v, Operation)}
    assert all_operations() == defined


def test_every_operation_has_a_case(cases):
    assert {case.operation for case in cases} == set(all_operations())


def test_no_module_is_imported_under_the_name_kernels():
    assert _modules()
    assert not [name for name in sys.modules if name.partition(".")[0] == "kernels"]
