r"""The energy-based model: any function with a gradient, taken as minus a log density.

.. math:: p(x) = \frac1Z e^{-E(x)}, \qquad \nabla \log p(x) = - \nabla E(x)

Z is not known and not needed: samples come from Langevin chains, which follow the gradient of E with respect to x, and
training compares energies or their slopes. `contrastive` and `score_matching` are the two losses, `dynamics` has the
chains, `network` the energy itself. At temperature T chains sample :math:`e^{-E/T}`.

References
----------
Y. LeCun, S. Chopra, R. Hadsell, M. Ranzato, F. J. Huang: "A tutorial on energy-based learning", 2006.
Y. Du, I. Mordatch: "Implicit generation and modeling with energy-based models", NeurIPS 2019.
Y. Song, D. P. Kingma: "How to train your energy-based models", arXiv:2101.03288, 2021.
"""

from __future__ import annotations

from typing import Any

from scratchgen.backend import Backend, get_backend
from scratchgen.errors import InputError
from scratchgen.models.energy.clipping import check_bound, clip_gradient_
from scratchgen.models.energy.contrastive import Contrastive
from scratchgen.models.energy.dynamics import Box, Langevin, check_box, check_dynamics
from scratchgen.models.energy.monitor import monitor
from scratchgen.models.energy.network import EnergyNetwork, MLPEnergy
from scratchgen.models.energy.noise import Chains
from scratchgen.models.energy.sampling import langevin, sample
from scratchgen.models.energy.score_matching import ScoreMatching
from scratchgen.models.model import Model, State, check_arrays, check_names
from scratchgen.nn.input_gradient import check_smooth_activation
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_matrix, check_positive, check_widths

LOSSES: dict[str, type] = {"contrastive": Contrastive, "score-matching": ScoreMatching}


class EnergyModel(Model):
    """Energy-based model with a multilayer perceptron as its energy.

    Parameters
    ----------
    n_visible : int
    hidden : tuple of int
        Widths of the hidden layers.
    activation : {"swish", "softplus", "tanh", "sigmoid"}
        A smooth one: chains follow the gradient of the energy.
    input_scale : float
        Factor of the initial weights of the first layer: larger ones let the energy vary over shorter distances. With
        few features whose density is thin, such as rings in the plane, about 3 learns much faster than 1.
    loss : {"contrastive", "score-matching"} or Contrastive(...) or ScoreMatching(...)
    dynamics : Langevin(...)
        How chains move, in training and afterwards.
    box : (low, high), optional
        The lowest and the highest value of a feature: data must lie there, and chains stay there. The density is then
        one on the box. By default there is none, and chains start where the data of the first `fit` lie.
    max_norm, max_value : float, optional
        Bounds for the norm of the parameters' gradient in a training step, and for each component.
    seed : int
    dtype : {"float32", "float64"}
    backend : {"cpu", "numpy", "cuda"} or Backend

    Attributes
    ----------
    buffer : array (buffer_size, n_visible)
        The chains of contrastive training.

    Notes
    -----
    The contrastive loss is the difference of two energies: that it is small says nothing about the quality of the
    model. `history` has the mean energies of data, of the buffer and of noise after each epoch: the first two should
    stay close to each other, and well below the third.

    Examples
    --------
    >>> import scratchgen as sg
    >>> x = 0.3 * sg.Stream(1).normal((500, 1)) + 1.0
    >>> model = sg.EnergyModel(1, hidden=(16,), loss="score-matching", seed=0)
    >>> history = model.fit(x, epochs=20, batch_size=50, optimizer=sg.Adam(0.01), progress=False)
    >>> bool(abs(model.sample(200, n_steps=300).mean() - 1.0) < 0.1)
    True
    """

    term_names: tuple[str, ...]  # those of the loss

    def __init__(
        self,
        n_visible: int,
        hidden: Any = (128, 128),
        *,
        activation: str = "swish",
        input_scale: float = 1.0,
        loss: str | Contrastive | ScoreMatching = "contrastive",
        dynamics: Langevin | None = None,
        box: tuple[float, float] | None = None,
        max_norm: float | None = None,
        max_value: float | None = None,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend = "cpu",
    ) -> None:
        self.n_visible = check_count("n_visible", n_visible)
        self.hidden = check_widths("hidden", hidden)
        self.activation = check_smooth_activation(activation)
        self.input_scale = check_positive("input_scale", input_scale)
        self.loss = _check_loss(loss)
        self.term_names = self.loss.term_names
        self.dynamics = check_dynamics(dynamics)
        self.box = check_box(box)
        self.max_norm, self.max_value = check_bound("max_norm", max_norm), check_bound("max_value", max_value)
        settings = {
            "n_visible": self.n_visible,
            "hidden": self.hidden,
            "activation": self.activation,
            "input_scale": self.input_scale,
            "loss": self.loss,
            "dynamics": self.dynamics,
            "box": None if box is None else tuple(self.box),
            "max_norm": self.max_norm,
            "max_value": self.max_value,
        }
        backend = get_backend(backend)
        self.network = self._network(backend)
        super().__init__(settings, self.network.layout(), seed, dtype, backend)

    def _network(self, backend: Backend) -> EnergyNetwork:
        """Return the energy as a function of its parameters."""
        return MLPEnergy(self.n_visible, self.hidden, self.activation, self.input_scale, backend)

    def _initialise_(self, stream: Stream) -> None:
        xp = self.backend.xp
        self.network.initialise_(self.params, stream)
        low, high = self.box if self.box != Box() else (0.0, 1.0)
        self.start_low = xp.full(self.n_visible, low, dtype=self.dtype)
        self.start_high = xp.full(self.n_visible, high, dtype=self.dtype)
        self._fill_buffer()

    def adapt_to_data_(self, x: Array) -> None:
        """Let chains start in the range of each feature, where there is no box, and the network see where data lie."""
        self.network.adapt_to_data_(self.params, x, self.streams["initialisation"])
        if self.box == Box():
            self.start_low[...], self.start_high[...] = x.min(axis=0), x.max(axis=0)
            self._fill_buffer()

    def _fill_buffer(self) -> None:
        self.buffer = self.draw_start(self.loss.buffer_size, self.streams["initialisation"])

    # ------------------------------------------------------------------------------------------- data and training

    def check_data(self, x: Any, name: str = "x") -> Array:
        """Return `x` as this model takes it: (n, n_visible), finite, and in the box."""
        x = self.check_states(x, name)
        low, high = float(x.min()), float(x.max())
        to_type = x.dtype.type  # float32(0.1) is above 0.1
        if low < to_type(self.box.low) or high > to_type(self.box.high):
            raise InputError(
                f"{name} must lie in the box {tuple(self.box)}, got values in [{low:g}, {high:g}]: scale it, or give "
                "the model another box"
            )
        return x

    def check_states(self, x: Any, name: str = "x") -> Array:
        """Return `x` as the energy takes it: (n, n_visible), finite, also outside the box."""
        return check_matrix(name, x, self.n_visible, self.backend, self.dtype)

    def draw_data(self, x: Array, stream: Stream) -> Array:
        """Return the batch with the noise that the loss adds to data, put back into the box."""
        if not self.loss.data_noise:
            return x
        noisy = x + self.loss.data_noise * stream.normal(x.shape, self.dtype)
        return self.backend.xp.clip(noisy, *self.box)

    def draw_start(self, n: int, stream: Stream) -> Array:
        """Draw states without structure, uniform in the box or else in the range of the data, (n, n_visible)."""
        u = stream.uniform((n, self.n_visible), self.dtype)
        return self.start_low + (self.start_high - self.start_low) * u

    def noise_shape(self, x: Array) -> tuple[int, ...]:
        """Return (n, n_visible); any other number of negative samples is as good."""
        return (x.shape[0], self.n_visible)

    def _check_noise(self, x: Array, noise: Any) -> Array:
        noise = self.check_states(noise, "noise")
        if isinstance(self.loss, ScoreMatching) and noise.shape != x.shape:
            raise InputError(f"noise must have shape {x.shape}, got {noise.shape}: draw it with draw_noise(x)")
        return noise

    def draw_noise(self, x: Array, stream: Stream | None = None) -> Array:
        """Draw negative samples, or the noise of score matching, for the batch `x`; the buffer stays as it is."""
        return self.loss.draw(x, self._chains, stream or self.streams["training_noise"]).values

    @property
    def _chains(self) -> Chains:
        def run(x: Array, stream: Stream) -> Array:
            return self.dynamics.run(x, self.slope, self.box, stream, self.dynamics.n_steps)

        return Chains(self.buffer, self.draw_start, run)

    def training_terms_(self, x: Array, stream: Stream, out: Any) -> Any:
        """Draw the noise of the batch `x`, keep the chains that moved, and return the terms; `out` is clipped."""
        noise = self.loss.draw(x, self._chains, stream)
        if noise.rows is not None:
            self.buffer[noise.rows] = noise.values
        terms = self.loss.terms_and_grads(self.network, self.params, x, noise.values, out)
        clip_gradient_(out, self.max_norm, self.max_value)
        return terms

    def captured_values(self) -> tuple[Any, ...]:
        """Return none: the loss and the dynamics of a model stay as they are, and the chains where they are."""
        return ()

    def check_terms(self, terms: Any, step: int) -> None:
        """Raise if the energies of data and of samples have run apart."""
        self.loss.check(terms, step)

    def monitor(self, x: Array, validation: Array | None) -> dict[str, float]:
        """Return the mean energies of data, buffer and noise."""
        return monitor(self, x, validation)

    def own_state(self) -> State:
        """Return where chains start, and the buffer."""
        return State({"start_low": self.start_low, "start_high": self.start_high, "buffer": self.buffer})

    def restore_own(self, state: State) -> None:
        """Take over what `own_state` gave."""
        check_names("values", state.values, {})
        own = self.own_state().arrays
        check_arrays(state.arrays, own)
        for name, array in own.items():
            array[...] = self.backend.asarray(state.arrays[name], dtype=self.dtype)

    # ------------------------------------------------------------------------------------------ loss and gradient

    def evaluate_terms(self, x: Array, noise: Array) -> Any:
        """Return the terms of the loss, without gradient and without checking the input."""
        return self.loss.terms(self.network, self.params, x, noise)

    def evaluate_terms_and_grads(self, x: Array, noise: Array, out: Any = None) -> tuple[Any, Any]:
        """Return the terms of the loss and its gradient, without checking the input."""
        grads = self.empty_grads()[1] if out is None else out
        return self.loss.terms_and_grads(self.network, self.params, x, noise, grads), grads

    def loss_grad_x(self, x: Any, noise: Any) -> Array:
        """Return the gradient of ``terms.loss`` with respect to the data, (n, n_visible), for this noise."""
        x = self.check_data(x)
        return self.loss.grad_x(self.network, self.params, x, self._check_noise(x, noise))

    # ---------------------------------------------------------------------------------------------------- using it

    def energy(self, x: Any) -> Array:
        """Return E(x) of each row, (n,): -log p(x) up to the constant log Z; also outside the box."""
        return self.network.energy(self.params, self.check_states(x))

    def grad_x(self, x: Any) -> Array:
        """Return the gradient of E with respect to each row, (n, n_visible): minus the score, the gradient of log p."""
        return self.slope(self.check_states(x))

    def slope(self, x: Array) -> Array:
        """Return what `grad_x` does, without checking the input."""
        return self.network.grad_x(self.params, x)

    langevin = langevin
    sample = sample


def _check_loss(loss: Any) -> Contrastive | ScoreMatching:
    if isinstance(loss, Contrastive | ScoreMatching):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise InputError(f"loss must be one of {', '.join(map(repr, LOSSES))} or a description, got {loss!r}")
    description: Contrastive | ScoreMatching = LOSSES[loss]()
    return description
