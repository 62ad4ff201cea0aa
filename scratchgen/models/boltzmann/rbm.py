r"""The restricted Boltzmann machine, with Bernoulli or Gaussian visible and Bernoulli hidden units.

.. math:: p(v) = \frac1Z \sum_h e^{-E(v, h)} = \frac{e^{-F(v)}}{Z}, \qquad
          - \partial \langle \log p \rangle_{data}
          = \langle \partial F \rangle_{data} - \langle \partial F \rangle_{model}

The first expectation (the positive phase) is a mean over a batch; the second one (the negative phase) is a mean over
samples that `negative_phase` provides. Energies, symbols and shapes: `scratchgen.ops.boltzmann`.

References
----------
P. Smolensky: "Information processing in dynamical systems: foundations of harmony theory", 1986.
G. E. Hinton: "Training products of experts by minimizing contrastive divergence", Neural Computation 14, 2002.
I. Sutskever, T. Tieleman: "On the convergence properties of contrastive divergence", AISTATS 2010.
G. E. Hinton: "A practical guide to training restricted Boltzmann machines", 2010.
"""

from __future__ import annotations

import math
from typing import Any

from scratchgen import training
from scratchgen.backend import Backend
from scratchgen.errors import BackendError, InputError
from scratchgen.history import History
from scratchgen.inference.annealing import bernoulli_base_bias
from scratchgen.models.boltzmann import loss
from scratchgen.models.boltzmann.centring import Offsets, centre_gradient_, update_offsets_
from scratchgen.models.boltzmann.conditionals import (
    gibbs,
    prob_h_given_v,
    prob_v_given_h,
    sample,
    sample_h_given_v,
    sample_v_given_h,
)
from scratchgen.models.boltzmann.log_likelihood import (
    annealed_importance_sampling,
    log_likelihood,
    log_likelihood_gradient,
    log_partition,
    pseudo_log_likelihood,
    reverse_annealed_importance_sampling,
)
from scratchgen.models.boltzmann.loss import Penalties, Phases, RBMTerms
from scratchgen.models.boltzmann.monitor import ExchangeCounter, monitor
from scratchgen.models.boltzmann.negative_phase import (
    METHODS,
    Chains,
    ContrastiveDivergence,
    Drawn,
    NegativePhase,
    ParallelTempering,
    negative_phase_of,
    with_options,
)
from scratchgen.models.likelihood import check_sigma
from scratchgen.models.model import Model, State, check_arrays, check_names
from scratchgen.nn.parameters import Shape
from scratchgen.ops.boltzmann import RBMParams, energy, free_energy_forward
from scratchgen.optim import SGD
from scratchgen.random import Stream
from scratchgen.samplers.gibbs import draw_visible_
from scratchgen.typing import Array
from scratchgen.validation import check_choice, check_count, check_matrix

VISIBLE = ("bernoulli", "gaussian")
_WEIGHT_SCALE = 0.01  # standard deviation of the initial couplings: Hinton's guide, section 8


class RBM(Model):
    """Restricted Boltzmann machine.

    Parameters
    ----------
    n_visible, n_hidden : int
    visible : {"bernoulli", "gaussian"}
        Bernoulli units take data in [0, 1], Gaussian ones any real numbers.
    sigma : float or "learned"
        Standard deviation of Gaussian units given the hidden ones; "learned" makes the logarithm of each unit's own a
        parameter, which starts at 0.
    binarise : bool
        Take data between 0 and 1 as probabilities and draw 0 or 1 from them, afresh for each batch.
    centred : bool
        Train along the gradient of the centred machine (`scratchgen.models.boltzmann.centring`).
    weight_decay : float
        Adds ``weight_decay / 2 * sum(W^2)`` to the loss.
    sparsity_target, sparsity_cost : float
        Adds ``sparsity_cost * sum_j KL(sparsity_target || q_j)`` to the loss, where q_j is the mean of p(h_j = 1 | x)
        over the batch.
    seed : int
    dtype : {"float32", "float64"}
    backend : {"cpu", "numpy", "cuda"} or Backend

    Attributes
    ----------
    W, b, c : array
        Couplings (n_visible, n_hidden), visible biases, hidden biases: views of `theta`.

    Notes
    -----
    The gradient of log p needs samples of the model. Contrastive divergence (CD-k) takes those of k Gibbs sweeps from
    the data instead, and what it follows is the gradient of no function: the samples depend on the parameters, and
    their derivative is left out. `loss_and_grad` is the gradient of the loss for *given* negative samples, and as such
    it can be checked by finite differences. The loss does not say how likely the data are: `log_likelihood` does.

    Examples
    --------
    >>> import scratchgen as sg
    >>> x = sg.datasets.load("bars-and-stripes", size=3).x_train
    >>> rbm = sg.RBM(n_visible=x.shape[1], n_hidden=8, seed=0)
    >>> history = rbm.fit(x, epochs=300, optimizer=sg.SGD(1.0), method="pcd", progress=False)
    >>> history.log_likelihood[-1] > history.log_likelihood[0] + 1  # at most -log(14) = -2.64
    True
    """

    term_names = RBMTerms._fields

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        visible: str = "bernoulli",
        sigma: float | str = 1.0,
        binarise: bool = False,
        centred: bool = False,
        weight_decay: float = 0.0,
        sparsity_target: float = 0.1,
        sparsity_cost: float = 0.0,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend = "cpu",
    ) -> None:
        self.n_visible = check_count("n_visible", n_visible)
        self.n_hidden = check_count("n_hidden", n_hidden)
        self.visible = check_choice("visible", visible, VISIBLE)
        self.sigma = check_sigma(sigma)
        self.binarise, self.centred = bool(binarise), bool(centred)
        if self.visible == "bernoulli" and self.sigma != 1.0:
            raise InputError("sigma is that of Gaussian visible units: leave it out, or use visible='gaussian'")
        if self.visible == "gaussian" and self.binarise:
            raise InputError("binarise is for Bernoulli visible units: leave it out, or use visible='bernoulli'")
        self.penalties = Penalties(weight_decay, sparsity_cost, sparsity_target)
        self.penalties.check()
        settings = {
            "n_visible": self.n_visible,
            "n_hidden": self.n_hidden,
            "visible": visible,
            "sigma": sigma,
            "binarise": self.binarise,
            "centred": self.centred,
            **self.penalties._asdict(),
        }
        super().__init__(settings, self._layout(), seed, dtype, backend)

    def _layout(self) -> RBMParams:
        learned = self.visible == "gaussian" and self.sigma == "learned"
        b, c = Shape((self.n_visible,)), Shape((self.n_hidden,))
        return RBMParams(Shape((self.n_visible, self.n_hidden)), b, c, Shape((self.n_visible,)) if learned else ())

    def _initialise_(self, stream: Stream) -> None:
        xp = self.backend.xp
        self.W[...] = _WEIGHT_SCALE * stream.normal(self.W.shape, self.dtype)
        self.base_bias = xp.zeros(self.n_visible, dtype=self.dtype)
        hidden = xp.full(self.n_hidden, 0.5, dtype=self.dtype)
        self.offsets = Offsets(xp.zeros(self.n_visible, dtype=self.dtype), hidden)
        self.monitor_every = 1
        self._start_chains(ContrastiveDivergence())

    def adapt_to_data_(self, x: Array) -> None:
        """Set the visible biases, where they are all zero, to those of the best model without hidden units.

        They remain known as `base_bias`: where new chains start, and the base of annealed importance sampling.
        """
        mean = x.mean(axis=0)
        bias = mean if self.visible == "gaussian" else bernoulli_base_bias(x)
        self.base_bias[...] = self.backend.asarray(bias, dtype=self.dtype)
        self.offsets.visible[...] = mean
        if not bool((self.b != 0).any()):
            self.b[...] = self.base_bias
        self._start_chains(self.negative_phase)

    def default_optimizer(self) -> SGD:
        """Return SGD: at a smaller rate for Gaussian units, at the smallest where their sigmas are learned."""
        if self.visible == "bernoulli":
            return SGD(0.1)
        return SGD(0.001 if self.sigma == "learned" else 0.01)

    # ---------------------------------------------------------------------------------------------- parameters

    @property
    def W(self) -> Array:
        """Couplings (n_visible, n_hidden)."""
        return self.params.W

    @property
    def b(self) -> Array:
        """Visible biases (n_visible,)."""
        return self.params.b

    @property
    def c(self) -> Array:
        """Hidden biases (n_hidden,)."""
        return self.params.c

    @property
    def machine(self) -> RBMParams:
        """The parameters of the energy: `params`, and for Gaussian units of fixed sigma its logarithm too."""
        if self.visible == "bernoulli" or self.sigma == "learned":
            return self.params
        log_sigma = self.backend.xp.full(self.n_visible, math.log(float(self.sigma)), dtype=self.dtype)
        return self.params._replace(log_sigma=log_sigma)

    # ------------------------------------------------------------------------------------------- data and training

    def check_data(self, x: Any, name: str = "x") -> Array:
        """Return `x` as this model takes it: (n, n_visible), finite, in [0, 1] for Bernoulli units."""
        return check_matrix(name, x, self.n_visible, self.backend, self.dtype, self.visible == "bernoulli")

    def fit(
        self,
        x: Any,
        *,
        epochs: int,
        batch_size: int = 64,
        method: str | NegativePhase | None = None,
        optimizer: Any = None,
        validation: Any = None,
        callbacks: Any = (),
        checkpoint: Any = None,
        checkpoint_every: int = 1,
        monitor_every: int = 1,
        progress: bool = True,
        **method_options: Any,
    ) -> History:
        """Train on `x` and return the history; see `scratchgen.training.fit` for what is not said here.

        Parameters
        ----------
        x : array (n, n_visible)
        batch_size : int
        method : {"cd", "pcd", "pt"} or a description of `scratchgen.models.boltzmann.negative_phase`, optional
            Where the negative samples come from: contrastive divergence, persistent chains, or parallel tempering. One
            that differs from the present one starts new chains. By default the model's own, which is CD-1 at first.
        **method_options
            ``k``; for "pcd" and "pt" also ``n_chains``; for "pt" also ``n_temperatures`` and ``lowest``. They belong to
            a method that is given by its name; without `method` they change those of the model's own.
        monitor_every : int
            Epochs between two rows with the columns below, which cost time of their own; the rows between have NaN,
            but for the swap rates.
        optimizer : SGD or Adam, optional
            By default the model's own, at first `default_optimizer`.
        validation : array (m, n_visible), optional
            `validation_loss` is that of negative samples drawn for it. `free_energy_gap` is the mean F of its first
            1,000 rows less that of the first 1,000 training rows: it grows when the model overfits.

        Returns
        -------
        History
            Besides the terms, of the first 1,000 training rows: `reconstruction_error`, the squared distance of x to
            E[v | E[h | x]]; for 0/1 data `pseudo_log_likelihood` (of fewer rows where the model is large); for
            0/1 data, or Gaussian units, `log_likelihood` where one layer has at most 16 units. For "pt" `swap_rate` and
            `lowest_swap_rate`, mean and minimum over neighbouring temperatures of the exchanged fraction.
        """
        self.monitor_every = check_count("monitor_every", monitor_every)
        if method is None:
            negative_phase = with_options(self.negative_phase, method_options)
        else:
            negative_phase = negative_phase_of(method, method_options)
        self._check_negative_phase(negative_phase)
        return training.fit(
            self,
            x,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            validation=validation,
            callbacks=callbacks,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            progress=progress,
            prepare=lambda: self.use_negative_phase(negative_phase),  # bad data shall not cost it its chains
        )

    def use_negative_phase(self, negative_phase: NegativePhase) -> None:
        """Take negative samples in this way from now on; one that differs from the present one starts new chains."""
        if self._check_negative_phase(negative_phase) != self.negative_phase:
            self._start_chains(negative_phase)

    def _check_negative_phase(self, negative_phase: Any) -> NegativePhase:
        if not isinstance(negative_phase, NegativePhase):
            raise InputError(f"negative_phase must be a description such as {METHODS['pcd']()}, got {negative_phase!r}")
        if self.visible == "gaussian" and getattr(negative_phase, "lowest", 1) == 0:
            raise InputError("tempering of Gaussian visible units needs lowest > 0: at 0 their variance is infinite")
        return negative_phase

    def _start_chains(self, negative_phase: NegativePhase) -> None:
        self.negative_phase: NegativePhase = negative_phase
        self.exchanges = ExchangeCounter()
        self.chains = Chains()
        shape = negative_phase.chains_shape(self.n_visible)
        if shape is not None:
            v = self.draw_base(math.prod(shape[:-1]), self.streams["initialisation"])
            self.chains = Chains(v.reshape(shape))

    def draw_base(self, n: int, stream: Stream) -> Array:
        """Draw the visible units independently of each other, with `base_bias`, (n, n_visible)."""
        no_product = self.backend.xp.zeros((n, self.n_visible), dtype=self.dtype)
        return draw_visible_(self.machine._replace(b=self.base_bias), no_product, stream)

    def draw_data(self, x: Array, stream: Stream) -> Array:
        """Return the batch, drawn afresh where it is to be binarised."""
        return stream.bernoulli(x) if self.binarise else x

    def noise_shape(self, x: Array) -> tuple[int, ...]:
        """Return (n, n_visible); any other number of negative samples is as good."""
        return (x.shape[0], self.n_visible)

    def _check_noise(self, x: Array, noise: Any) -> Array:
        return self.check_data(noise, "noise")

    def draw_noise(self, x: Array, stream: Stream | None = None) -> Array:
        """Draw negative samples for the batch `x`; persistent chains are left where they are."""
        phases = loss.positive_phase(self.machine, x, self.negative_phase.n_samples(len(x)), self.backend)
        self._draw_samples_(phases, stream or self.streams["training_noise"])
        return phases.v[phases.n :]

    def training_terms_(self, x: Array, stream: Stream, out: RBMParams) -> RBMTerms:
        """Draw negative samples, move the chains on, and return the terms; `out` is centred where the model is."""
        machine = self.machine
        phases = loss.positive_phase(machine, x, self.negative_phase.n_samples(len(x)), self.backend)
        chains, exchanges = self._draw_samples_(phases, stream)
        if self.chains.v is not None:
            self.chains.v[...] = chains.v  # they stay where they are: a CUDA graph holds their address
        self.chains = chains._replace(v=self.chains.v)
        self.exchanges.add(exchanges)
        if self.centred:
            update_offsets_(self.offsets, x, phases.p_h[: phases.n])
        terms = loss.terms_and_grads(machine, phases, self.penalties, out, self.backend)
        if self.centred:
            centre_gradient_(out, self.offsets, machine)
        return terms

    def _draw_samples_(self, phases: Phases, stream: Stream) -> Drawn:
        """Draw the negative samples into their place behind the data; the chains are left where they are."""
        n = phases.n
        return self.negative_phase.draw_(self.machine, phases.p_h[:n], self.chains, stream, phases.v[n:])

    def captured_values(self) -> tuple[Any, ...]:
        """Return the negative phase; that of parallel tempering exchanges other chains in every second step."""
        if isinstance(self.negative_phase, ParallelTempering):
            raise BackendError("in parallel tempering the host chooses anew in each step which temperatures exchange")
        return (self.negative_phase,)

    def monitor(self, x: Array, validation: Array | None) -> dict[str, float]:
        """Return what an epoch reports besides the terms of the loss."""
        swap_rates = self.exchanges.report_and_reset()
        if (self.epoch + 1) % self.monitor_every:
            return swap_rates
        return monitor(self, x, validation) | swap_rates

    def own_state(self) -> State:
        """Return the base, the offsets and the chains."""
        arrays = {"base_bias": self.base_bias} | {f"offset_{n}": a for n, a in self.offsets._asdict().items()}
        if self.chains.v is not None:
            arrays["chains"] = self.chains.v
        return State(arrays, {"negative_phase": self.negative_phase, "n_rounds": self.chains.n_rounds})

    def restore_own(self, state: State) -> None:
        """Take over what `own_state` gave."""
        check_names("values", state.values, {"negative_phase": None, "n_rounds": None})
        negative_phase = self._check_negative_phase(state.values["negative_phase"])
        n_rounds = check_count("n_rounds", state.values["n_rounds"], least=0)
        own = {"base_bias": (self.n_visible,), "offset_visible": (self.n_visible,), "offset_hidden": (self.n_hidden,)}
        chains = negative_phase.chains_shape(self.n_visible)
        shapes = own if chains is None else own | {"chains": chains}
        arrays = {name: self.backend.xp.empty(shape, dtype=self.dtype) for name, shape in shapes.items()}
        check_arrays(state.arrays, arrays)
        for name, array in arrays.items():
            array[...] = self.backend.asarray(state.arrays[name], dtype=self.dtype)
        self.negative_phase = negative_phase
        self.base_bias = arrays["base_bias"]
        self.offsets = Offsets(arrays["offset_visible"], arrays["offset_hidden"])
        self.chains = Chains(arrays.get("chains"), n_rounds)
        self.exchanges = ExchangeCounter()

    # ------------------------------------------------------------------------------------------ loss and gradient

    def evaluate_terms(self, x: Array, noise: Array) -> RBMTerms:
        """Return the terms of the loss, without gradient and without checking the input."""
        return loss.terms(self.machine, x, noise, self.penalties, self.backend)

    def evaluate_terms_and_grads(self, x: Array, noise: Array, out: RBMParams | None = None) -> Any:
        """Return the terms of the loss and its gradient, without checking the input."""
        grads = self.empty_grads()[1] if out is None else out
        machine = self.machine
        phases = loss.positive_phase(machine, x, len(noise), self.backend)
        phases.v[phases.n :] = noise
        return loss.terms_and_grads(machine, phases, self.penalties, grads, self.backend), grads

    def loss_grad_x(self, x: Any, noise: Any) -> Array:
        """Return the gradient of ``terms.loss`` with respect to the data, (n, n_visible), for these samples."""
        x = self.check_data(x)
        self._check_noise(x, noise)
        return loss.grad_x(self.machine, x, self.penalties, self.backend)

    # ---------------------------------------------------------------------------------------------------- using it

    def energy(self, v: Any, h: Any) -> Array:
        """Return E(v, h) of each row, (n,); h is (n, n_hidden), in [0, 1]."""
        v, h = self.check_data(v, "v"), self.check_hidden(h)
        if v.shape[0] != h.shape[0]:
            raise InputError(f"v and h must have the same number of rows, got {v.shape[0]} and {h.shape[0]}")
        return energy(self.machine, v, h)

    def free_energy(self, v: Any) -> Array:
        """Return F(v) = -log sum_h exp(-E(v, h)) of each row, (n,): -log p(v) up to the constant log Z."""
        return free_energy_forward(self.machine, self.check_data(v, "v"), self.backend)[0]

    def check_hidden(self, h: Any) -> Array:
        """Return `h` as this model takes it: (n, n_hidden), in [0, 1]."""
        return check_matrix("h", h, self.n_hidden, self.backend, self.dtype, unit_range=True)

    prob_h_given_v = prob_h_given_v
    prob_v_given_h = prob_v_given_h
    sample_h_given_v = sample_h_given_v
    sample_v_given_h = sample_v_given_h
    gibbs = gibbs
    sample = sample

    log_partition = log_partition
    annealed_importance_sampling = annealed_importance_sampling
    reverse_annealed_importance_sampling = reverse_annealed_importance_sampling
    log_likelihood = log_likelihood
    log_likelihood_gradient = log_likelihood_gradient
    pseudo_log_likelihood = pseudo_log_likelihood
