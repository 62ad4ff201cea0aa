"""Optimisers on the flat parameter vector: Adam, and stochastic gradient descent with momentum.

An optimiser is a description (frozen, comparable); what it accumulates is an `OptimizerState` that the model keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scratchgen.backend import Backend
from scratchgen.errors import InputError
from scratchgen.kernels.adam import adam_
from scratchgen.kernels.sgd import descend_, sgd_
from scratchgen.schedules import Schedule, check_schedule, value_at
from scratchgen.specification import specified
from scratchgen.typing import Array
from scratchgen.validation import check_positive, is_finite_number


@dataclass
class OptimizerState:
    """The number of steps taken, the accumulated arrays by name, and what changes from step to step.

    Attributes
    ----------
    rates : array
        The step's numbers, on the device. The host sets them without waiting for it.
    """

    n_steps: int
    arrays: dict[str, Array]
    rates: Array


class _InTwoParts:
    """A step is what the host does, and then what the device does: a captured CUDA graph holds the second part."""

    def begin_step_(self, state: OptimizerState) -> None:
        """Count the step that follows, and set its rates."""
        raise NotImplementedError

    def move_(self, theta: Array, gradient: Array, state: OptimizerState, backend: Backend) -> None:
        """Change `theta` and the arrays of `state` with the rates that are set."""
        raise NotImplementedError

    def step_(self, theta: Array, gradient: Array, state: OptimizerState, backend: Backend) -> None:
        """Take one step: `theta` and `state` change."""
        self.begin_step_(state)
        self.move_(theta, gradient, state, backend)


@specified
@dataclass(frozen=True)
class Adam(_InTwoParts):
    """Adam with bias correction.

    Parameters
    ----------
    learning_rate : float or schedule
    beta1, beta2 : float
        Decay of the first and the second moment, in [0, 1).
    epsilon : float
        Added to the square root of the second moment, after its bias correction.

    References
    ----------
    D. P. Kingma, J. Ba: "Adam: a method for stochastic optimization", ICLR 2015.
    """

    learning_rate: Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        check_schedule("learning_rate", self.learning_rate)
        _check_decay("beta1", self.beta1)
        _check_decay("beta2", self.beta2)
        check_positive("epsilon", self.epsilon)

    def start(self, theta: Array, xp: Any) -> OptimizerState:
        """Return the state before the first step."""
        arrays = {"m": xp.zeros_like(theta), "v": xp.zeros_like(theta)}
        return OptimizerState(0, arrays, xp.zeros(2, dtype=theta.dtype))

    def begin_step_(self, state: OptimizerState) -> None:
        """Count the step that follows, and set its rates."""
        rate = value_at(self.learning_rate, state.n_steps)
        state.n_steps += 1
        state.rates[0] = rate / (1.0 - self.beta1**state.n_steps)
        state.rates[1] = (1.0 - self.beta2**state.n_steps) ** -0.5

    def move_(self, theta: Array, gradient: Array, state: OptimizerState, backend: Backend) -> None:
        """Change `theta` and the arrays of `state` with the rates that are set."""
        m, v = state.arrays["m"], state.arrays["v"]
        adam_.on(backend)(theta, gradient, m, v, state.rates, self.beta1, self.beta2, self.epsilon)


@specified
@dataclass(frozen=True)
class SGD(_InTwoParts):
    """Stochastic gradient descent: velocity <- momentum * velocity + gradient, theta <- theta - rate * velocity.

    Parameters
    ----------
    learning_rate : float or schedule
    momentum : float
        In [0, 1).
    """

    learning_rate: Schedule = 1e-2
    momentum: float = 0.0

    def __post_init__(self) -> None:
        check_schedule("learning_rate", self.learning_rate)
        _check_decay("momentum", self.momentum)

    def start(self, theta: Array, xp: Any) -> OptimizerState:
        """Return the state before the first step; without momentum there is no velocity to be kept."""
        arrays = {"velocity": xp.zeros_like(theta)} if self.momentum else {}
        return OptimizerState(0, arrays, xp.zeros(1, dtype=theta.dtype))

    def begin_step_(self, state: OptimizerState) -> None:
        """Count the step that follows, and set its rate."""
        state.rates[0] = value_at(self.learning_rate, state.n_steps)
        state.n_steps += 1

    def move_(self, theta: Array, gradient: Array, state: OptimizerState, backend: Backend) -> None:
        """Change `theta` and the arrays of `state` with the rate that is set."""
        if self.momentum:
            sgd_.on(backend)(theta, gradient, state.arrays["velocity"], state.rates, self.momentum)
        else:
            descend_.on(backend)(theta, gradient, state.rates)


Optimizer = Adam | SGD


def check_optimizer(optimizer: Any) -> Optimizer:
    """Return `optimizer` if it is one."""
    if not isinstance(optimizer, Optimizer):
        raise InputError(f"optimizer must be Adam(...) or SGD(...), got {optimizer!r}")
    return optimizer


def _check_decay(name: str, value: float) -> None:
    if not (is_finite_number(value) and 0 <= value < 1):
        raise InputError(f"{name} must be in [0, 1), got {value!r}")
