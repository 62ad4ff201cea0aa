"""Names of classes in a picture can all be read: they hide neither each other nor what the others name."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from scratchgen import plots

RNG = np.random.default_rng(0)
N = 200
LABELS = np.arange(N) % 10
SHORT = np.array(list("0123456789"))
LONG = np.array("airplane automobile bird cat deer dog frog horse ship truck".split())
CENTRES = RNG.normal(size=(10, 2))
CODES = {
    "coincident": np.zeros((N, 2)),
    "overlapping": RNG.normal(size=(N, 2)),
    "two by two": (CENTRES // 1 + 0.02 * RNG.random((10, 2)))[LABELS],
    "on a line": np.stack([0.1 * LABELS, np.zeros(N)], axis=1),
    "at the rim": 50 * np.sign(CENTRES)[LABELS],
    "components": RNG.normal(size=(N, 5)),
}


def drawn(figure, dpi=100):
    """Return for each axis its frame and the boxes of its names, in pixels: (2, 2) and (n, 2, 2)."""
    figure.set_dpi(dpi)
    figure.draw_without_rendering()
    return [
        (
            ax.bbox.get_points(),
            np.array([text.get_bbox_patch().get_window_extent().get_points() for text in ax.texts]),
        )
        for ax in figure.axes
    ]


def assert_legible(figure, dpi=100):
    for frame, boxes in drawn(figure, dpi):
        for k, (low, high) in enumerate(boxes):
            assert (low >= frame[0]).all()
            assert (high <= frame[1]).all()
            for other_low, other_high in boxes[:k]:
                assert (other_low >= high).any() or (other_high <= low).any()


@pytest.mark.parametrize("names", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("mean", CODES.values(), ids=CODES)
def test_no_two_names_intersect_and_all_lie_within_the_axes(mean, names):
    assert_legible(plots.latent_clusters(mean, names[LABELS]))


@pytest.mark.parametrize("compare", [plots.compared_latent_planes, plots.compared_latent_clusters])
def test_neither_do_those_of_several_models(compare):
    assert_legible(compare({"one": CODES["overlapping"], "two": 5 * CODES["two by two"]}, LONG[LABELS]))


def test_names_stay_apart_when_the_picture_is_shown_in_another_size_resolution_or_section():
    figure = Figure(figsize=(9, 6), layout="constrained")
    for ax in figure.subplots(1, 2):
        plots.latent_clusters(CODES["overlapping"], SHORT[LABELS], ax=ax)
    assert_legible(figure)
    ax.set_title("two\nlines")
    figure.set_size_inches(5, 3)
    assert_legible(figure, dpi=300)
    ax.set_xlim(-0.3, 0.3)
    figure.draw_without_rendering()
    for text in ax.texts:  # what is named lies in the section, or there is no name
        box = text.get_bbox_patch().get_window_extent()
        if ax.bbox.contains(*ax.transData.transform(text.xy)):
            assert ax.bbox.x0 <= box.x0 < box.x1 <= ax.bbox.x1


@pytest.mark.parametrize("mean", CODES.values(), ids=CODES)
def test_a_name_is_at_its_median_or_joined_to_it_and_covers_no_other(mean):
    figure = plots.latent_clusters(mean, SHORT[LABELS])
    ((_, boxes),) = drawn(figure)
    (ax,) = figure.axes
    medians = ax.transData.transform([text.xy for text in ax.texts])
    for k, (low, high) in enumerate(boxes):
        covered = ((low <= medians) & (medians <= high)).all(axis=1)
        assert not np.delete(covered, k).any()
        line = ax.lines[k].get_xydata()
        if covered[k]:
            assert len(line) == 0
        else:
            np.testing.assert_allclose(line, [(low + high) / 2, medians[k]], atol=0.5)


def test_a_name_that_is_in_nobodys_way_stays_at_its_median():
    mean = np.array([[0.0, 0.0], [0.0, 0.0], [9.0, 9.0], [9.0, 0.0]])
    ax = plots.latent_clusters(mean, np.arange(4)).axes[0]
    ax.set(xlim=(-5, 15), ylim=(-5, 15))
    ax.figure.draw_without_rendering()
    assert [text.xyann == (0, 0) for text in ax.texts] == [False, False, True, True]


def test_drawing_again_moves_nothing():
    figure = plots.latent_clusters(CODES["coincident"], LONG[LABELS])
    ((_, first),) = drawn(figure)
    ((_, second),) = drawn(figure)
    np.testing.assert_allclose(first, second, atol=1e-6)  # pixels


def test_names_that_have_no_room_are_drawn_all_the_same():
    figure = Figure(figsize=(1.2, 1.2))
    plots.latent_clusters(np.zeros((60, 2)), np.arange(60), ax=figure.subplots())
    assert len(drawn(figure)[0][1]) == 60


@pytest.mark.parametrize("first", [False, True], ids=["never drawn", "drawn before"])
def test_names_that_the_user_removes_are_gone_with_their_lines(first):
    figure = plots.latent_clusters(CODES["overlapping"], SHORT[LABELS])
    (ax,) = figure.axes
    if first:
        figure.draw_without_rendering()
    for text in list(ax.texts)[1:]:
        text.remove()
    figure.draw_without_rendering()
    assert len(ax.texts) == 1
    assert sum(len(line.get_xdata()) > 0 for line in ax.lines) <= 1
