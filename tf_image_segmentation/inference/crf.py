"""Refines class probabilities with a fully connected conditional random field.

Source: Kraehenbuehl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials", NIPS 2011. The inference itself is pydensecrf's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tf_image_segmentation.errors import DataError

# A probability of zero would be an infinite energy, which no neighbor could outvote.
_LEAST_PROBABILITY = 1e-5


BOUNDS = {
    "gaussian_sxy": (1e-2, 1e4),
    "gaussian_compat": (0.0, 1e4),
    "bilateral_sxy": (1e-2, 1e4),
    "bilateral_srgb": (1e-2, 1e4),
    "bilateral_compat": (0.0, 1e4),
    "iterations": (1, 1000),
}
"""Least and largest value of each parameter.

With smaller deviations pydensecrf's lattice overflows, and the process dies; larger ones change
nothing more. With much larger weights every pixel becomes class 0.
"""


@dataclass(frozen=True)
class CrfParameters:
    """The two pairwise terms and the number of mean field iterations; defaults suit PASCAL VOC.

    Attributes:
        gaussian_sxy: standard deviation of the smoothness term, in pixels.
        gaussian_compat: its weight.
        bilateral_sxy: standard deviation of the appearance term in position, in pixels.
        bilateral_srgb: its standard deviation in color, of 0..255.
        bilateral_compat: its weight.
        iterations: mean field iterations.

    Raises:
        DataError: a number is out of `BOUNDS`.
    """

    gaussian_sxy: float = 3.0
    gaussian_compat: float = 3.0
    bilateral_sxy: float = 80.0
    bilateral_srgb: float = 13.0
    bilateral_compat: float = 10.0
    iterations: int = 5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least, most = BOUNDS[name]
            if not least <= value <= most:
                raise DataError(f"{name} must be from {least:g} to {most:g}, got {value:g}")


def _check(image: np.ndarray, probabilities: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be uint8 [height, width, 3], got {image.dtype} {image.shape}")
    if probabilities.ndim != 3 or probabilities.shape[:2] != image.shape[:2]:
        raise ValueError(
            f"probabilities must be [{image.shape[0]}, {image.shape[1]}, classes] as the image is, "
            f"got {probabilities.shape}"
        )
    bad = ~(np.isfinite(probabilities) & (probabilities >= 0) & (probabilities <= 1 + 1e-4))
    if bad.any():
        raise ValueError(f"probabilities must be 0..1; {np.count_nonzero(bad)} of them are not")


def check_installed() -> None:
    """Raises a DataError with the way out if pydensecrf is not installed."""
    _pydensecrf()


def _pydensecrf() -> tuple[Any, Any]:
    try:
        from pydensecrf import densecrf, utils
    except ImportError as error:
        raise DataError(
            "the dense CRF needs pydensecrf: pip install pydensecrf2 (on Python 3.10 to 3.12, with "
            "a C++ compiler)"
        ) from error
    return densecrf, utils


def refine(
    image: np.ndarray, probabilities: np.ndarray, parameters: CrfParameters | None = None
) -> np.ndarray:
    """Returns the probabilities that mean field inference ends with.

    Args:
        image: uint8 [height, width, 3], RGB.
        probabilities: floating point [height, width, num_classes], 0..1; zeros are lifted a little.
        parameters: of the random field; None for the defaults.

    Returns:
        float32 [height, width, num_classes].

    Raises:
        ValueError: shapes or types are not as said, or a probability is not in 0..1.
        DataError: pydensecrf is not installed.
    """
    image, probabilities = np.asarray(image), np.asarray(probabilities)
    _check(image, probabilities)
    densecrf, utils = _pydensecrf()
    parameters = parameters or CrfParameters()
    height, width, num_classes = probabilities.shape
    energies = -np.log(np.clip(probabilities.astype(np.float32), _LEAST_PROBABILITY, 1.0))
    field = densecrf.DenseCRF(height * width, num_classes)
    field.setUnaryEnergy(np.ascontiguousarray(energies.reshape(-1, num_classes).T))
    smoothness = utils.create_pairwise_gaussian(
        sdims=(parameters.gaussian_sxy, parameters.gaussian_sxy), shape=(height, width)
    )
    field.addPairwiseEnergy(smoothness, compat=parameters.gaussian_compat)
    appearance = utils.create_pairwise_bilateral(
        sdims=(parameters.bilateral_sxy, parameters.bilateral_sxy),
        schan=(parameters.bilateral_srgb,) * 3,
        img=np.ascontiguousarray(image),
        chdim=2,
    )
    field.addPairwiseEnergy(appearance, compat=parameters.bilateral_compat)
    refined = np.array(field.inference(parameters.iterations), np.float32)
    return refined.T.reshape(height, width, num_classes)


def refine_pair(
    pair: tuple[np.ndarray, np.ndarray] | None, parameters: CrfParameters
) -> np.ndarray | None:
    """`refine` for an image and its probabilities in one, as worker processes take them."""
    return None if pair is None else refine(*pair, parameters)
