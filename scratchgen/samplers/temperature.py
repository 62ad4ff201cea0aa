r"""Which temperature a step and a noise belong to.

Langevin's update at temperature T samples :math:`p^{1/T}`, or :math:`e^{-U/T}` of an energy :math:`U = -\log p`. With

.. math:: x' = x + h \nabla \log p(x) + \sigma \xi, \qquad \xi \sim N(0, I),

h is the step and sigma the noise. They fix the temperature, up to a bias that vanishes with h:

.. math:: \sigma^2 = 2 h T.

Texts write the step in other ways. Translated to h and T:

================================================================  =============  =============================
update                                                            h              T
================================================================  =============  =============================
:math:`x + \epsilon/2 \, \nabla \log p + \sqrt{\epsilon} \, \xi`  epsilon / 2    1        (SGLD, [1]_)
:math:`x + \epsilon^2/2 \, \nabla \log p + \epsilon \, \xi`       epsilon^2 / 2  1        (one leapfrog step)
:math:`x + \eta \, \nabla \log p + \sqrt{\eta} \, \xi`            eta            **1/2**  (some lectures)
:math:`x + 10 \, \nabla \log p + 0.005 \, \xi`                    10             1.25e-6  (image models, [2]_)
================================================================  =============  =============================

The third looks like the first and is not: on N(0, 1) its variance is 1 / (2 - eta), one half for small steps. The
fourth is nearly gradient ascent; its chains settle where log p is largest.

References
----------
.. [1] M. Welling, Y. W. Teh: "Bayesian learning via stochastic gradient Langevin dynamics", ICML 2011.
.. [2] Y. Du, I. Mordatch: "Implicit generation and modeling with energy-based models", NeurIPS 2019.
"""

from __future__ import annotations

import math
import warnings

from scratchgen.errors import TemperatureWarning
from scratchgen.validation import check_nonnegative, check_positive

_TOLERANCE = 0.01  # relative: steps and noises are printed with two or three digits


def noise_scale(step_size: float, temperature: float = 1.0) -> float:
    """Return sigma = sqrt(2 h T), the standard deviation of the noise in one step of size h at temperature T.

    Raises
    ------
    InputError
        The step is not a finite number > 0, or the temperature not a finite number >= 0.
    """
    h, T = check_positive("step_size", step_size), check_nonnegative("temperature", temperature)
    return math.sqrt(2 * h * T)


def effective_temperature(step_size: float, noise: float, asked: float | None = 1.0) -> float:
    """Return T = sigma^2 / (2 h), the temperature that a step h and a noise sigma sample at.

    Parameters
    ----------
    step_size : float
        h, the factor of grad log p.
    noise : float
        sigma, the standard deviation of what is added in one step.
    asked : float, optional
        The temperature that is meant; None where any will do.

    Raises
    ------
    InputError
        The step is not a finite number > 0, or another argument not a finite number >= 0.

    Warns
    -----
    TemperatureWarning
        T differs from `asked` by more than 1 %: the message has the noise and the step that would fit.

    Examples
    --------
    >>> effective_temperature(step_size=0.1, noise=0.1**0.5, asked=0.5)
    0.5
    """
    h, sigma = check_positive("step_size", step_size), check_nonnegative("noise", noise)
    temperature = sigma**2 / (2 * h)
    if asked is None or math.isclose(temperature, check_nonnegative("asked", asked), rel_tol=_TOLERANCE):
        return temperature
    fitting_step = f", or step_size {sigma**2 / (2 * asked):.3g} with this noise" if asked > 0 and sigma > 0 else ""
    warnings.warn(
        f"step_size {h:g} and noise {sigma:g} sample at temperature {temperature:.3g}, not {asked:g}: that takes noise "
        f"{noise_scale(h, asked):.3g} with this step_size{fitting_step}",
        TemperatureWarning,
        stacklevel=2,
    )
    return temperature
