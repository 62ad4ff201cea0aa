r"""Stochastic gradient Langevin dynamics: Langevin's step with a gradient from a minibatch and a step that shrinks.

For a posterior of parameters theta given N examples, a minibatch of n examples B gives the unbiased estimate

.. math:: g(\theta) = \nabla \log p(\theta) + \frac{N}{n} \sum_{i \in B} \nabla \log p(x_i | \theta),

.. math:: \theta' = \theta + h_t \, g(\theta) + \sqrt{2 h_t T} \, \xi, \qquad \xi \sim N(0, I).

Every chain draws its own minibatch in each step, with replacement. The reference writes epsilon_t = 2 h_t.

**Stationary law.** With :math:`h_t = a (b + t)^{-\gamma}` and 1/2 < gamma <= 1 the sum of the steps diverges and that
of their squares converges: averages weighted by h_t converge to those under the posterior^(1/T).

**At a constant step the law is biased**, by the step as in `scratchgen.samplers.langevin`, and by the minibatch: a
variance V of g adds :math:`h^2 V` to the variance of each step, as if the temperature were T + h V / 2. For a Gaussian
posterior of variance :math:`1 / \lambda`, and where V does not depend on theta, the variance of theta is

.. math:: \frac{2 T + h V}{\lambda (2 - h \lambda)} \quad \text{instead of} \quad \frac{T}{\lambda}.

References
----------
M. Welling, Y. W. Teh: "Bayesian learning via stochastic gradient Langevin dynamics", ICML 2011.
Y. W. Teh, A. H. Thiery, S. J. Vollmer: "Consistency and fluctuations for stochastic gradient Langevin dynamics", JMLR
17, 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.samplers._arguments import Gradient, check_gradient, check_start
from scratchgen.samplers.divergence import raise_if_diverged
from scratchgen.samplers.langevin import langevin_move
from scratchgen.schedules import Schedule, value_at
from scratchgen.typing import Array, Float
from scratchgen.validation import check_count, check_nonnegative, check_positive, is_finite_number

if TYPE_CHECKING:
    from scratchgen.random import Stream


@dataclass(frozen=True)
class PolynomialStep:
    r"""The step :math:`h_t = a (b + t)^{-\gamma}`, a function of the number t = 0, 1, 2, ... of the update.

    Raises
    ------
    InputError
        `a` or `b` is not a finite number > 0, or `gamma` is not in (1/2, 1].
    """

    a: float
    b: float
    gamma: float = 0.55

    def __post_init__(self) -> None:
        check_positive("a", self.a)
        check_positive("b", self.b)
        _check_gamma(self.gamma)

    def __call__(self, n_steps: int) -> float:
        """Return the step after `n_steps` updates."""
        return float(self.a * (self.b + n_steps) ** -self.gamma)

    @classmethod
    def between(cls, first: float, last: float, n_steps: int, gamma: float = 0.55) -> PolynomialStep:
        r"""Return the schedule that falls from `first` in the first of `n_steps` updates to `last` in the last of them.

        :math:`b = (n - 1) / ((h_1 / h_n)^{1/\gamma} - 1)` and :math:`a = h_1 b^\gamma`.

        Raises
        ------
        InputError
            Not first > last > 0, fewer than two updates, or a `gamma` outside (1/2, 1].

        Examples
        --------
        >>> PolynomialStep.between(0.01, 0.0001, n_steps=1_000_000)
        PolynomialStep(a=0.199551..., b=231.066..., gamma=0.55)
        """
        check_count("n_steps", n_steps, least=2)
        _check_gamma(gamma)
        if check_positive("first", first) <= check_positive("last", last):
            raise InputError(f"the step must shrink: expected first > last, got {first!r} and {last!r}")
        b = (n_steps - 1) / ((first / last) ** (1 / gamma) - 1)
        return cls(first * b**gamma, b, gamma)


class State(NamedTuple):
    """Where the chains are, and how many steps they have taken: the t of the schedule."""

    x: Float[Array, "chains dimensions"]
    n_steps: int


class Info(NamedTuple):
    """What a step used: the estimated gradient, and h_t, the weight of the new state in an average."""

    gradient: Float[Array, "chains dimensions"]
    step_size: float


def init(x: Float[Array, "chains dimensions"]) -> State:
    """Start one chain in each row of `x`, the parameters theta.

    Raises
    ------
    InputError
        `x` is not a matrix of finite float32 or float64 numbers.
    """
    return State(check_start(x), 0)


def step(
    stream: Stream,
    state: State,
    grad_log_prior: Gradient,
    grad_log_likelihood: Callable[[Array, Array], Array],
    data: Array,
    step_size: Schedule,
    batch_size: int = 1,
    temperature: float = 1.0,
) -> tuple[State, Info]:
    """Move every chain by one step; the equations stand at the head of this module.

    Parameters
    ----------
    stream : Stream
        Gives two draws a step: the minibatches, then normals.
    grad_log_prior : callable
        (chains, dimensions) -> (chains, dimensions): the gradient of log p(theta).
    grad_log_likelihood : callable
        (theta, batch) -> (chains, dimensions): the sum of grad log p(x_i | theta) over the minibatch of each chain.
        theta is (chains, dimensions), batch is (chains, batch_size, ...): ``data[indices]``.
    data : array (N, ...)
    step_size : float or callable
        h, or a function of the number of updates so far, such as a `PolynomialStep`.
    batch_size : int
        n, from 1 to N.
    temperature : float
        T >= 0.

    Raises
    ------
    InputError
        An argument is not as above.
    SamplingError
        A chain became NaN or infinite. NumPy's arrays are looked at in every step, those on a device in every 64th
        and at the end of `run_chains`: a look waits for the device.
    """
    x, n_steps = state
    n_data = data.shape[0]
    if check_count("batch_size", batch_size) > n_data:
        raise InputError(f"batch_size must be at most the number of examples, {n_data}, got {batch_size}")
    h = check_positive("step_size", value_at(step_size, n_steps))
    check_nonnegative("temperature", temperature)

    namespace(x, data)  # raises where they are arrays of two libraries
    indices = stream.integers(0, n_data, (x.shape[0], batch_size))
    prior = check_gradient("grad_log_prior(theta)", grad_log_prior(x), x)
    likelihood = check_gradient("grad_log_likelihood(theta, batch)", grad_log_likelihood(x, data[indices]), x)
    gradient = prior + x.dtype.type(n_data / batch_size) * likelihood
    x = langevin_move(stream, x, gradient, h, temperature)
    raise_if_diverged(x, n_steps + 1)
    return State(x, n_steps + 1), Info(gradient, h)


def _check_gamma(gamma: float) -> None:
    if not is_finite_number(gamma) or not 0.5 < gamma <= 1:
        raise InputError(
            f"gamma must be in (1/2, 1], where the sum of the steps diverges and that of their squares does not, got "
            f"{gamma!r}"
        )
