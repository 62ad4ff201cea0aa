"""The windows of an image as the rows of a matrix, so that a convolution is one matrix product; and the adjoint.

    im2col:  columns[(i, p, q), (u, v, c)] = image[i, p s_h + u - top, q s_w + v - left, c],   0 outside the image;
    col2im:  image[i, y, x, c] = sum of columns[(i, p, q), (u, v, c)]
                                 over all p s_h + u - top = y and q s_w + v - left = x.

=======  ==============================  ====================================================================
symbol   shape or meaning                remarks
=======  ==============================  ====================================================================
image    (n, height, width, channels)    channels last: a window takes one run of memory of each row of pixels
columns  (n h w, k_h k_w channels)       one row a window; the windows form a grid (h, w)
kernel   (k_h, k_w)                      the size of a window; (u, v) is a place in it
stride   (s_h, s_w)                      the distance between two windows
padding  (top, bottom, left, right)      the zeros around the image
=======  ==============================  ====================================================================

On every target a pixel adds what comes to it in the order of (u, v), without atomic additions: the bits are equal.

References
----------
K. Chellapilla, S. Puri, P. Simard: "High performance convolutional neural networks for document processing", 2006.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.elementary_constants import constants
from scratchgen.kernels.scalar import scalar
from scratchgen.typing import Array

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]


def grid_of_windows(image: Pair, kernel: Pair, stride: Pair, padding: Padding) -> Pair:
    """Return (h, w), the numbers of windows that fit into the padded image: floor((size + zeros - k) / s) + 1."""
    top, bottom, left, right = padding
    return (
        (image[0] + top + bottom - kernel[0]) // stride[0] + 1,
        (image[1] + left + right - kernel[1]) // stride[1] + 1,
    )


# ----------------------------------------------------------------------------------------------------- reference


def _im2col_reference(image: Array, kernel: Pair, stride: Pair, padding: Padding) -> Array:
    """Return the windows of `image` as rows, (n h w, k_h k_w channels)."""
    xp = namespace(image)
    n, height, width, n_channels = image.shape
    top, _, left, _ = padding
    h, w = grid_of_windows((height, width), kernel, stride, padding)
    padded = _padded_zeros(image, padding)
    padded[:, top : top + height, left : left + width, :] = image
    columns = xp.empty((n, h, w, *kernel, n_channels), dtype=image.dtype)
    for u, v in np.ndindex(*kernel):
        columns[:, :, :, u, v, :] = padded[:, *_places_of_tap(u, v, (h, w), stride), :]
    return xp.reshape(columns, (n * h * w, kernel[0] * kernel[1] * n_channels))


def _col2im_reference(columns: Array, image: Array, kernel: Pair, stride: Pair, padding: Padding) -> None:
    """Write to `image` (n, height, width, channels), C-contiguous, the sum of what the windows hold of each pixel."""
    n, height, width, n_channels = image.shape
    top, _, left, _ = padding
    h, w = grid_of_windows((height, width), kernel, stride, padding)
    windows = namespace(columns, image).reshape(columns, (n, h, w, *kernel, n_channels))
    padded = _padded_zeros(image, padding)
    for u, v in np.ndindex(*kernel):
        padded[:, *_places_of_tap(u, v, (h, w), stride), :] += windows[:, :, :, u, v, :]
    image[...] = padded[:, top : top + height, left : left + width, :]


def _padded_zeros(image: Array, padding: Padding) -> Array:
    n, height, width, n_channels = image.shape
    top, bottom, left, right = padding
    return namespace(image).zeros((n, top + height + bottom, left + width + right, n_channels), dtype=image.dtype)


def _places_of_tap(u: int, v: int, grid: Pair, stride: Pair) -> tuple[slice, slice]:
    """Return the pixels of the padded image that the windows hold at (u, v)."""
    down, across = (s * (n - 1) + 1 for s, n in zip(stride, grid, strict=True))
    return slice(u, u + down, stride[0]), slice(v, v + across, stride[1])


# ----------------------------------------------------------------------------------------------------------- cpu

# Both loops walk through flat arrays with unsigned offsets: of a signed one Numba asks at each access whether it counts
# from the end, which LLVM does not vectorise. That made them five to ten times slower.


@cpu_kernel()
def _im2col_loop(
    begin: Any, end: Any, image: Any, columns: Any, shape: Any, kernel: Any, stride: Any, padding: Any, grid: Any
) -> None:
    _, height, width, n_channels = shape
    top, _, left, _ = padding
    n_run = kernel[1] * n_channels  # what a window takes of one row of pixels
    to = np.uint64(begin * grid[0] * grid[1] * kernel[0] * n_run)
    for i in range(begin, end):
        for p in range(grid[0]):
            for q in range(grid[1]):
                x0 = q * stride[1] - left
                first, stop = max(0, -x0) * n_channels, min(kernel[1], width - x0) * n_channels  # inside the image
                for u in range(kernel[0]):
                    y = p * stride[0] + u - top
                    start = ((i * height + y) * width + x0) * n_channels
                    if y < 0 or y >= height:
                        for j in range(np.uint64(n_run)):
                            columns[to + j] = 0
                    elif first == 0 and stop == n_run:
                        run = np.uint64(start)
                        for j in range(np.uint64(n_run)):
                            columns[to + j] = image[run + j]
                    else:
                        for j in range(n_run):
                            columns[to + np.uint64(j)] = image[np.uint64(start + j)] if first <= j and j < stop else 0
                    to += np.uint64(n_run)


@cpu_kernel()
def _col2im_loop(
    begin: Any, end: Any, columns: Any, image: Any, shape: Any, kernel: Any, stride: Any, padding: Any, grid: Any
) -> None:
    _, height, width, n_channels = shape
    top, _, left, _ = padding
    n_row = np.uint64(width * n_channels)
    n_column = np.uint64(kernel[0] * kernel[1] * n_channels)
    step = np.uint64(stride[1] * n_channels)
    channels = np.uint64(n_channels)
    for i in range(begin, end):
        for y in range(height):
            row = np.uint64(i * height + y) * n_row
            for j in range(n_row):
                image[row + j] = 0
            for u in range((y + top) % stride[0], kernel[0], stride[0]):
                p = (y + top - u) // stride[0]
                if p < 0 or p >= grid[0]:
                    continue
                for v in range(kernel[1]):
                    # the windows q that hold a pixel of this row at v: 0 <= q s_w + v - left < width
                    first = max(0, -((v - left) // stride[1]))
                    stop = min(grid[1], (width - 1 + left - v) // stride[1] + 1)
                    if stop <= first:
                        continue
                    start = np.uint64((i * grid[0] + p) * grid[1] + first) * n_column
                    start += np.uint64(u * kernel[1] + v) * channels
                    to = row + np.uint64(first * stride[1] + v - left) * channels
                    windows = np.uint64(stop - first)
                    if n_channels == 1:  # then the run of pixels is the loop to vectorise
                        for q in range(windows):
                            image[to + q * step] += columns[start + q * n_column]
                    else:
                        for _q in range(windows):
                            for c in range(channels):
                                image[to + c] += columns[start + c]
                            to += step
                            start += n_column


def _im2col_cpu(image: Array, kernel: Pair, stride: Pair, padding: Padding) -> Array:
    columns, grid = _allocated_columns(image, kernel, stride, padding)
    flat = np.ascontiguousarray(image).reshape(-1)
    per_image = math.prod(grid) * math.prod(kernel) * image.shape[-1]
    _im2col_loop.share(len(image), per_image, flat, columns.reshape(-1), image.shape, kernel, stride, padding, grid)
    return columns


def _col2im_cpu(columns: Array, image: Array, kernel: Pair, stride: Pair, padding: Padding) -> None:
    grid = grid_of_windows(image.shape[1:3], kernel, stride, padding)
    flat = np.ascontiguousarray(columns).reshape(-1)
    per_image = math.prod(grid) * math.prod(kernel) * image.shape[-1]
    _col2im_loop.share(len(image), per_image, flat, image.reshape(-1), image.shape, kernel, stride, padding, grid)


# ---------------------------------------------------------------------------------------------------------- cuda


@scalar
def _quotient_and_rest(i: Any, n: Any) -> Any:
    quotient = i // n
    return quotient, i - quotient * n


@cuda_kernel
def _im2col_kernel(image: Any, columns: Any, kernel: Any, stride: Any, padding: Any, grid: Any) -> None:
    n_rows, n_columns = columns.shape
    for item in range(cuda.grid(1), n_rows * n_columns, cuda.gridsize(1)):  # neighbours read neighbouring channels
        row, j = _quotient_and_rest(item, n_columns)
        ip, q = _quotient_and_rest(row, grid[1])
        i, p = _quotient_and_rest(ip, grid[0])
        uv, c = _quotient_and_rest(j, image.shape[3])
        u, v = _quotient_and_rest(uv, kernel[1])
        y, x = p * stride[0] + u - padding[0], q * stride[1] + v - padding[2]
        inside = y >= 0 and y < image.shape[1] and x >= 0 and x < image.shape[2]
        columns[row, j] = image[i, y, x, c] if inside else constants(columns[row, j]).zero


@cuda_kernel
def _col2im_kernel(columns: Any, image: Any, kernel: Any, stride: Any, padding: Any, grid: Any) -> None:
    n, height, width, n_channels = image.shape
    for item in range(cuda.grid(1), n * height * width * n_channels, cuda.gridsize(1)):  # a thread owns a number
        iyx, c = _quotient_and_rest(item, n_channels)
        iy, x = _quotient_and_rest(iyx, width)
        i, y = _quotient_and_rest(iy, height)
        total = constants(columns[0, 0]).zero
        for u in range((y + padding[0]) % stride[0], kernel[0], stride[0]):
            p = (y + padding[0] - u) // stride[0]
            for v in range((x + padding[2]) % stride[1], kernel[1], stride[1]):
                q = (x + padding[2] - v) // stride[1]
                if p >= 0 and p < grid[0] and q >= 0 and q < grid[1]:
                    total += columns[(i * grid[0] + p) * grid[1] + q, (u * kernel[1] + v) * n_channels + c]
        image[i, y, x, c] = total


def _im2col_cuda(image: Array, kernel: Pair, stride: Pair, padding: Padding) -> Array:
    columns, grid = _allocated_columns(image, kernel, stride, padding)
    contiguous = namespace(image).ascontiguousarray(image)
    _im2col_kernel.launch(columns.size, contiguous, columns, kernel, stride, padding, grid)
    return columns


def _col2im_cuda(columns: Array, image: Array, kernel: Pair, stride: Pair, padding: Padding) -> None:
    grid = grid_of_windows(image.shape[1:3], kernel, stride, padding)
    contiguous = namespace(columns, image).ascontiguousarray(columns)
    _col2im_kernel.launch(image.size, contiguous, image, kernel, stride, padding, grid)


def _allocated_columns(image: Array, kernel: Pair, stride: Pair, padding: Padding) -> tuple[Array, Pair]:
    """Return a matrix for the windows of `image`, and their grid."""
    n, height, width, n_channels = image.shape
    grid = grid_of_windows((height, width), kernel, stride, padding)
    shape = (n * grid[0] * grid[1], kernel[0] * kernel[1] * n_channels)
    return namespace(image).empty(shape, dtype=image.dtype), grid


im2col = Operation(_im2col_reference, _im2col_cpu, _im2col_cuda)
col2im_ = Operation(_col2im_reference, _col2im_cpu, _col2im_cuda)
