"""U-Net on VGG-16: what it starts from, and how far up it goes."""

from __future__ import annotations

import numpy as np
import pytest

from tf_image_segmentation.models import Network, fcn_8s, unet_vgg_16

THIN = {"width_multiplier": 0.0625}


def test_it_starts_from_convolutions_of_imagenet(shared_data):
    network = Network(unet_vgg_16, 3)
    report = network.restore(shared_data / "vgg_16/vgg_16_imagenet_conv.npz")
    assert len(report.restored) == 26
    assert {name.split("/")[1] for name in report.initialized} == {"decoder", "logits"}


def test_it_starts_from_an_fcn(tmp_path):
    source = Network(fcn_8s, 3, fc6_kernel=1, **THIN)
    source.save(tmp_path / "fcn")
    network = Network(unet_vgg_16, 5, **THIN)
    assert len(network.restore(tmp_path / "fcn").restored) == 26
    name = "vgg_16/conv3/conv3_2/weights"
    np.testing.assert_array_equal(
        network.variables_by_name[f"unet_vgg_16/{name}"],
        source.variables_by_name[f"fcn_8s/{name}"],
    )


@pytest.mark.parametrize(("stride", "stages"), [(1, 4), (2, 3)])
def test_it_goes_up_to_the_output_stride(stride, stages):
    network = Network(unet_vgg_16, 3, output_stride=stride, **THIN)
    layers = network.end_points(np.zeros((1, 32, 48, 3), np.uint8))
    assert sum("decoder" in name for name in layers) == stages
    last = layers[f"unet_vgg_16/decoder/stage{stages - 1}"]
    assert last.shape[:3] == (1, 32 // stride, 48 // stride)
    assert layers["unet_vgg_16/logits"].shape == (1, 32, 48, 3)


def test_a_move_of_16_pixels_moves_the_scores():
    """Away from the borders; the decoder keeps details where they are."""
    network = Network(unet_vgg_16, 3, **THIN)
    image = np.random.default_rng(0).integers(0, 256, (1, 416, 32, 3)).astype(np.uint8)
    found, moved = network(image).numpy(), network(np.roll(image, 16, axis=1)).numpy()
    np.testing.assert_allclose(moved[:, 224:256], found[:, 208:240], atol=1e-4)


def test_other_output_strides_are_refused():
    with pytest.raises(ValueError, match="output_stride must be 1 or 2, got 4"):
        Network(unet_vgg_16, 3, output_stride=4, **THIN)
