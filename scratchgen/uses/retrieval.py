"""Retrieval: the stored examples whose codes are nearest to that of a query, and how many of them are of its class.

========  =====================  ==============================================
symbol    shape                  meaning
========  =====================  ==============================================
codes     (n_stored, n_latent)   what is searched: ``vae.encode(x)[0]``, or any other description of the examples
queries   (n_queries, n_latent)  what is looked for
k                                examples to be found for each query
========  =====================  ==============================================

References
----------
A. Krizhevsky, G. E. Hinton: "Using very deep autoencoders for content-based image retrieval", ESANN 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.latent.codes import check_codes
from scratchgen.validation import check_count


def nearest_codes(codes: Any, queries: Any, k: int = 10) -> np.ndarray:
    """Return the rows of `codes` nearest to each query in Euclidean distance, nearest first, (n_queries, k).

    Raises
    ------
    InputError
        The arrays are not matrices of finite numbers with equally many columns, or `k` is not an integer from 1 to
        n_stored.

    Examples
    --------
    >>> nearest_codes([[0.0], [1.0], [5.0]], [[4.0]], k=2).tolist()
    [[2, 1]]
    """
    stored, wanted = check_codes("codes", codes), check_codes("queries", queries)
    if stored.shape[1] != wanted.shape[1]:
        raise InputError(f"codes and queries must have equally many columns, got {stored.shape} and {wanted.shape}")
    if check_count("k", k) > len(stored):
        raise InputError(f"k must be at most the number of codes, {len(stored)}, got {k}")
    from sklearn.neighbors import NearestNeighbors  # takes 0.8 s to import

    return np.asarray(NearestNeighbors(n_neighbors=k).fit(stored).kneighbors(wanted, return_distance=False))


def precision_at_k(codes: Any, labels: Any, queries: Any, query_labels: Any, k: int = 10) -> np.ndarray:
    r"""Return the share of the `k` nearest stored examples that have the query's label, (n_queries,).

    .. math:: P@k(q) = \frac1k \sum_{i \in \text{nearest } k} [y_i = y_q]

    Their mean is the figure that is usually quoted. Queries must not be among the stored examples, or each finds
    itself. The precision of a random choice is the share of the query's class among the stored examples.

    Parameters
    ----------
    codes, queries : array (n_stored, n_latent), (n_queries, n_latent)
    labels, query_labels : array (n_stored,), (n_queries,)
    k : int

    Raises
    ------
    InputError
        As for `nearest_codes`, or there is not one label for each code and each query.

    Examples
    --------
    >>> precision_at_k([[0.0], [1.0], [5.0]], [7, 8, 8], [[4.0], [0.2]], [8, 8], k=2).tolist()
    [1.0, 0.5]
    """
    found = nearest_codes(codes, queries, k)
    labels, query_labels = to_numpy(labels), to_numpy(query_labels)
    for name, given, n in (("codes", labels, len(to_numpy(codes))), ("queries", query_labels, len(found))):
        if given.shape != (n,):
            raise InputError(f"expected one label for each of {n} {name}, got labels of shape {given.shape}")
    return (labels[found] == query_labels[:, None]).mean(axis=1)
