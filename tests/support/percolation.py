"""Site percolation on the square lattice, simulated: lattices that a cluster crosses.

All occupations are cut from one random field per lattice, whose threshold is the occupation at
which it first crosses: a curve is the distribution of thresholds.
"""

import numpy as np
from planted import curve
from scipy.ndimage import label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

LATTICES = 400  # of one training
BISECTIONS = 13  # thresholds to 1e-4, a hundredth of the narrowest width
POINTS = 40  # of a curve
IN_PLANE = np.zeros((3, 3, 3), int)  # neighbours in a lattice, none in the next lattice of a stack
IN_PLANE[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]


def spans(occupied):
    """Whether a cluster joins top and bottom of each lattice (lattices, side, side)."""
    clusters, _ = label(occupied, structure=IN_PLANE)
    top, bottom = clusters[:, 0], clusters[:, -1]
    return (np.isin(top, bottom) & (top > 0)).any(axis=1)


def winds(occupied):
    """Whether a cluster winds around each torus, an odd number of times from left to right.

    On the lattice laid out twice in that direction it then joins a site and its copy.
    """
    side = occupied.shape[2]
    clusters, many = label(np.concatenate([occupied, occupied], axis=2), structure=IN_PLANE)
    one = np.concatenate([clusters[:, 0].ravel(), clusters[:, :, 0].ravel()])
    other = np.concatenate([clusters[:, -1].ravel(), clusters[:, :, -1].ravel()])
    both = (one > 0) & (other > 0)
    joined = coo_array(
        (np.ones(both.sum(), np.int8), (one[both], other[both])), shape=(many + 1, many + 1)
    )
    _, component = connected_components(joined, directed=False)
    found = component[clusters]
    return (occupied & (found[:, :, :side] == found[:, :, side:])).any(axis=(1, 2))


def thresholds(crosses, side, count, random):
    """The occupation at which each of `count` random lattices first crosses."""
    fields = random.random((count, side, side))
    low, high = np.zeros(count), np.ones(count)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        there = crosses(fields < middle[:, None, None])
        low, high = np.where(there, low, middle), np.where(there, middle, high)
    return (low + high) / 2


def simulate(crosses, seed, sides, trainings):
    """Thresholds (trainings, lattices) by side."""
    random = np.random.default_rng(seed)
    return {
        side: np.array([thresholds(crosses, side, LATTICES, random) for _ in range(trainings)])
        for side in sides
    }


def curves(simulated):
    """Against empty sites per thousand, from where all lattices of that side cross to none."""
    found = []
    for side, every in simulated.items():
        occupation = np.linspace(every.max() + 1e-3, every.min() - 1e-3, POINTS)
        for i, own in enumerate(every):
            share = (own[:, None] <= occupation).mean(axis=0)
            steps = 1000 * (1 - occupation)
            found.append(curve(f"L{side}-{i}", side, steps, share, trials=LATTICES))
    return found
