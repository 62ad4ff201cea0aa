"""What every model here is: parameters in one buffer, five random streams, an optimiser's state, and a way to train.

A model's *whole* state is declared in one place, `Model.state` and `Model.restore`; saving, loading, resuming and
moving to another backend know nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from scratchgen.backend import Backend, get_backend, to_numpy
from scratchgen.errors import BackendError, FileFormatError, InputError
from scratchgen.history import History
from scratchgen.nn import parameters
from scratchgen.optim import Adam, Optimizer, OptimizerState, check_optimizer
from scratchgen.random import Stream
from scratchgen.training import fit
from scratchgen.training.sources import ArraySource, Source
from scratchgen.training.streamed import streamed_source
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_dtype, check_matrix, check_numbers

STREAM_NAMES = ("initialisation", "shuffling", "training_noise", "validation", "sampling")


@dataclass
class State:
    """Everything that a model is, besides its settings: arrays by name, and values that are no arrays."""

    arrays: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


class Model(ABC):
    """Base of the models; a subclass has a layout, initial values, noise, and a loss with its gradient.

    Attributes
    ----------
    theta : array (n_parameters,)
        All parameters.
    params : NamedTuple
        Named views of `theta`.
    step, epoch : int
        Optimiser steps and passes over the data so far.
    history : History
        One row an epoch.
    environment : str or None
        The matrix library, core type and thread count that the last training ran with.
    """

    def __init__(self, settings: dict[str, Any], layout: Any, seed: int, dtype: str, backend: str | Backend) -> None:
        self.backend = get_backend(backend)
        self.dtype = check_dtype(dtype)
        self.settings = {**settings, "seed": seed, "dtype": self.dtype}
        self.layout = layout
        self.seed = seed
        self.reset()

    # ------------------------------------------------------------------------------- what a subclass provides

    n_visible: int
    term_names: tuple[str, ...]

    @abstractmethod
    def _initialise_(self, stream: Stream) -> None:
        """Fill the parameters with their initial values."""

    @abstractmethod
    def check_data(self, x: Any, name: str = "x") -> Array:
        """Return `x` as this model takes it, on its backend and in its type.

        Raises
        ------
        InputError
            Wrong shape, type or range, NaN.
        """

    @abstractmethod
    def draw_noise(self, x: Array, stream: Stream | None = None) -> Array:
        """Draw everything random that the loss of the batch `x` needs."""

    @abstractmethod
    def evaluate_terms(self, x: Array, noise: Array) -> Any:
        """Return the terms of the loss, without gradient and without checking the input."""

    @abstractmethod
    def evaluate_terms_and_grads(self, x: Array, noise: Array, out: Any = None) -> tuple[Any, Any]:
        """Return the terms of the loss and its gradient, without checking the input."""

    # What follows need not be defined by a subclass.

    def default_optimizer(self) -> Optimizer:
        """Return the optimiser of a model that has not been given another."""
        return Adam()

    def adapt_to_data_(self, x: Array) -> None:  # noqa: B027
        """Set initial values that depend on the training data; called once, before the first step."""

    def scheduled_values(self) -> dict[str, float]:
        """Return the values, at the present step, of the schedules that are part of the loss."""
        return {}

    def draw_batch_noise(self, x: Array, stream: Stream) -> Array:
        """Draw the noise of a batch whose data have been checked: what training takes instead of `draw_noise`."""
        return self.draw_noise(x, stream)

    def training_source(self, x: Any, name: str) -> Source:
        """Return the checked data `x`, called `name` in errors, as training takes them batch by batch.

        Raises
        ------
        InputError
            As of `check_data`, and of `scratchgen.OnDisk` for files.
        """
        return streamed_source(self, x, name) or ArraySource(self.check_data(x, name))

    def draw_data(self, x: Array, stream: Stream) -> Array:
        """Return the batch `x` as the loss is to see it this time: itself, unless the model draws it afresh."""
        return x

    def training_terms_(self, x: Array, stream: Stream, out: Any) -> Any:
        """Draw the noise of the batch `x` and return the terms of its loss; `out` receives what the optimiser follows.

        That is the gradient, unless the model has a reason to train along another direction. What a model keeps from
        step to step, such as persistent chains, may change.
        """
        return self.evaluate_terms_and_grads(x, self.draw_batch_noise(x, stream), out)[0]

    def check_terms(self, terms: Any, step: int) -> None:  # noqa: B027
        """Raise if the terms of training step number `step`, as numbers, show that training has failed.

        On a CPU that is before the parameters change, on a GPU at the end of the epoch. Terms that are NaN or infinite
        stop training in any case.
        """

    def captured_values(self) -> tuple[Any, ...]:
        """Return the numbers that the host puts into a training step now, if a CUDA graph can hold the step.

        It can where the host decides nothing else, waits for nothing, and what the model keeps stays where it is.

        Raises
        ------
        BackendError
            It cannot: the message says why.
        """
        raise BackendError(f"a step of {type(self).__name__} has not been made for it")

    def monitor(self, x: Array, validation: Array | None) -> dict[str, float]:
        """Return further columns of the history after an epoch; must not change how training goes on."""
        return {}

    def own_state(self) -> State:
        """Return what the model keeps from step to step besides parameters and moments."""
        return State()

    def restore_own(self, state: State) -> None:
        """Take over what `own_state` gave; raise before anything is changed if it does not fit this model."""
        check_arrays(state.arrays, {})
        check_names("values", state.values, {})

    # ------------------------------------------------------------------------------------------------ training

    def loss_and_grad(self, x: Any, noise: Any, out: Any = None) -> tuple[Any, Any]:
        """Return the terms of the loss and the gradient with respect to the parameters.

        A deterministic function of parameters, data and noise, hence one that finite differences can check.

        Parameters
        ----------
        x : array (n, n_visible)
        noise : array
            From `draw_noise`.
        out : NamedTuple, optional
            Receives the gradient; made by `empty_grads`. Otherwise the gradient is fresh.

        Returns
        -------
        terms : NamedTuple
            ``terms.loss`` and its parts: sums over features, means over the batch, in nats.
        grads : NamedTuple
            The type and the shapes of `params`.
        """
        x = self.check_data(x)
        return self.evaluate_terms_and_grads(x, self._check_noise(x, noise), out)

    def _check_noise(self, x: Array, noise: Any) -> Array:
        expected, noise = self.noise_shape(x), check_numbers("noise", noise)
        if tuple(noise.shape[-len(expected) :]) != expected or noise.ndim > len(expected) + 1:
            raise InputError(
                f"noise must have shape {expected} or (n_samples, {', '.join(map(str, expected))}), "
                f"got {tuple(noise.shape)}: draw it with draw_noise(x)"
            )
        rows = noise.reshape(-1, expected[-1])
        return check_matrix("noise", rows, expected[-1], self.backend, self.dtype).reshape(noise.shape)

    @abstractmethod
    def noise_shape(self, x: Array) -> tuple[int, ...]:
        """Return the shape of the noise of the batch `x`, for one sample an example."""

    def empty_grads(self) -> tuple[Array, Any]:
        """Return a flat gradient buffer and its named views, for the argument `out` of `loss_and_grad`."""
        return parameters.allocate(self.layout, self.backend.xp, self.dtype)

    fit = fit

    def reset(self) -> None:
        """Start again: initial parameters, streams at their start, no optimiser state, an empty history."""
        xp = self.backend.xp
        root = Stream(self.seed, self.backend)
        self.streams = {name: root.child(i) for i, name in enumerate(STREAM_NAMES)}
        self.theta, self.params = parameters.allocate(self.layout, xp, self.dtype)
        self._initialise_(self.streams["initialisation"])
        self._start_optimizer(self.default_optimizer())
        self.step = 0
        self.epoch = 0
        self.history = History()
        self.environment: str | None = None

    def use_optimizer(self, optimizer: Optimizer) -> None:
        """Train with `optimizer` from now on; one that differs from the present one starts without moments."""
        if check_optimizer(optimizer) != self.optimizer:
            self._start_optimizer(optimizer)

    def _start_optimizer(self, optimizer: Optimizer) -> None:
        self.optimizer: Optimizer = optimizer
        self.optimizer_state: OptimizerState = optimizer.start(self.theta, self.backend.xp)

    # ------------------------------------------------------------------------------------------- the whole state

    def state(self) -> State:
        """Return the whole state. Arrays are the model's own, not copies."""
        arrays = {"theta": self.theta}
        arrays |= {f"optimizer.{name}": array for name, array in self.optimizer_state.arrays.items()}
        own = self.own_state()
        arrays |= {f"own.{name}": array for name, array in own.arrays.items()}
        values = {
            "step": self.step,
            "epoch": self.epoch,
            "streams": {name: stream.state() for name, stream in self.streams.items()},
            "optimizer": self.optimizer,
            "optimizer_steps": self.optimizer_state.n_steps,
            "history": self.history.columns,
            "environment": self.environment,
            "own": own.values,
        }
        return State(arrays, values)

    def restore(self, state: State) -> None:
        """Take over a whole state, copying its arrays.

        Raises
        ------
        FileFormatError
            The state is not one of a model with these settings; this model is then left as it was.
        """
        values = state.values
        try:
            check_names("values", values, self.state().values)
            optimizer = check_optimizer(values["optimizer"])
            started = optimizer.start(self.theta, self.backend.xp)
            expected = {"theta": self.theta} | {f"optimizer.{n}": a for n, a in started.arrays.items()}
            own = {name: array for name, array in state.arrays.items() if name.startswith("own.")}
            check_arrays({name: array for name, array in state.arrays.items() if name not in own}, expected)
            check_names("streams", values["streams"], self.streams)
            streams = {name: Stream.from_state(values["streams"][name], self.backend) for name in STREAM_NAMES}
            step, epoch, n_steps = (check_count(name, values[name], 0) for name in ("step", "epoch", "optimizer_steps"))
            history, environment = History({**values["history"]}), values["environment"]
            if not isinstance(environment, str | None):
                raise FileFormatError(f"environment must be a text or null, got {environment!r}")
            self.restore_own(State({name.removeprefix("own."): a for name, a in own.items()}, values["own"]))
        except (TypeError, ValueError, AttributeError) as error:
            raise FileFormatError(f"not the state of such a model: {error}") from error
        for name, array in expected.items():
            array[...] = self.backend.asarray(state.arrays[name], dtype=self.dtype)
        self.optimizer = optimizer
        started.n_steps = n_steps
        self.optimizer_state = started
        self.streams, self.step, self.epoch, self.history = streams, step, epoch, history
        self.environment = environment

    def to(self, backend: str | Backend) -> Self:
        """Return this model, with its whole state, on another backend."""
        moved = type(self)(**self.settings, backend=backend)
        moved.restore(self.state())
        return moved

    def save(self, path: str | Path) -> None:
        """Write settings and whole state to a safetensors file, atomically."""
        from scratchgen.checkpoint import save

        save(self, path)


def check_names(what: str, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Refuse other names than those expected."""
    if found.keys() != expected.keys():
        raise FileFormatError(f"expected the {what} {sorted(expected)}, found {sorted(found)}")


def check_arrays(found: dict[str, Array], expected: dict[str, Array]) -> None:
    """Refuse arrays of other names, shapes or types than those expected."""
    check_names("arrays", found, expected)
    for name, array in expected.items():
        if tuple(found[name].shape) != tuple(array.shape) or to_numpy(found[name]).dtype != array.dtype:
            raise FileFormatError(
                f"{name} should be {array.dtype} of shape {tuple(array.shape)}, "
                f"is {found[name].dtype} of shape {tuple(found[name].shape)}"
            )
