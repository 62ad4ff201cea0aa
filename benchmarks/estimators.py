"""How far estimates of log p(x) and of the ELBO's gradient are off, for linear Gaussian models that are known exactly.

Every latent variable acts alike: orthogonal loadings of length 2 onto twice as many features, noise of sigma 1. The
examples are the model's own. The proposal q(z|x) has the mean of the posterior and 1.5 times its variances.

The first table has the root mean square error of log p(x) over the examples: by direct Monte Carlo from the prior, by
importance sampling from q with as many draws, and of the ELBO of q, which is exact and has no chance. The second has
the variance of the ELBO's estimate from one draw, with the KL divergence exact and sampled; the third that of its
gradient by mean and log_var, a mean over the examples and the latent variables. For the gradient the means of q are off
by 1 besides, as they may be during training: at those of the posterior it is 0.

Run ``python -m benchmarks.estimators``; with ``--out FOLDER`` it leaves the pictures there.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from scratchgen import LinearGaussianModel, Stream
from scratchgen.inference.estimators import elbo_draws, likelihood_errors
from scratchgen.inference.gradient_estimators import elbo_gradient_draws, exact_elbo_gradient

DIMENSIONS = (1, 2, 4, 8, 16, 32)
GAIN, WIDENING, SHIFT = 2.0, 1.5, 1.0


def orthogonal_model(n_latent: int, stream: Stream) -> LinearGaussianModel:
    xp, n_visible = stream.backend.xp, 2 * n_latent
    rotation, _ = xp.linalg.qr(stream.normal((n_visible, n_visible), "float64"))
    W, b = GAIN * rotation[:n_latent], xp.zeros(n_visible)
    return LinearGaussianModel.from_parameters(W, b, 1.0, dtype="float64", backend=stream.backend)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimators", description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000, help="of z for each estimate of log p(x)")
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the pictures")
    options = parser.parse_args(arguments)
    stream = Stream(options.seed)
    models = {n_latent: orthogonal_model(n_latent, stream) for n_latent in DIMENSIONS}
    examples = {n: model.sample(options.examples, stream=stream) for n, model in models.items()}

    print(f"error of log p(x), nats; {options.draws} draws, {options.examples} examples")
    print("latent variables  direct Monte Carlo  importance sampling     ELBO")
    errors = [likelihood_errors(models[n], examples[n], options.draws, stream, WIDENING) for n in DIMENSIONS]
    for n, row in zip(DIMENSIONS, errors, strict=True):
        print(f"{n:16}  {row.prior:18.4f}  {row.importance:19.4f}  {row.elbo:7.4f}")

    print("\nvariance of the ELBO and of its gradient from one draw of z")
    print("                  ELBO, KL divergence  gradient by the means             gradient by the log variances")
    print("latent variables     exact    sampled  reparam.     score  baseline  reparam.     score  baseline")
    for n in DIMENSIONS:
        model, x = models[n], examples[n]
        mean, log_var = model.encode(x)
        log_var = log_var + math.log(WIDENING)
        elbo = [float(draws.var(axis=0).mean()) for draws in elbo_draws(x, mean, log_var, model.nll, 1000, stream)]
        gradients = elbo_gradient_draws(model, x, mean + SHIFT, log_var, 1000, stream)
        variances = [float(rule[i].var(axis=0).mean()) for i in (0, 1) for rule in gradients]
        print(f"{n:16}  {elbo[0]:8.3f}  {elbo[1]:9.3f}" + "".join(f"{variance:10.4g}" for variance in variances))

    if options.out is not None:
        draw_pictures(options.out, errors, models[8], examples[8], stream)


def draw_pictures(folder: Path, errors: Sequence, model: LinearGaussianModel, x: object, stream: Stream) -> None:
    from scratchgen import plots

    folder.mkdir(parents=True, exist_ok=True)
    plots.estimator_errors(DIMENSIONS, errors).savefig(folder / "likelihood-errors.png", dpi=150)
    mean, log_var = model.encode(x)
    mean, log_var = mean + SHIFT, log_var + math.log(WIDENING)
    draws = elbo_gradient_draws(model, x, mean, log_var, 5000, stream)
    exact = exact_elbo_gradient(model, x, mean, log_var)
    plots.gradient_spread(draws, exact.mean).savefig(folder / "gradient-spread.png", dpi=150)


if __name__ == "__main__":
    main()
