from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import DatasetInfo, Sample
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inspection.split_units import Look, frame_blocks, joined, near_duplicates
from tf_image_segmentation.inspection.splitting import SplitOptions, divide
from tf_image_segmentation.inspection.stratification import stratified

INFO = DatasetInfo("toy", ("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
RNG = np.random.default_rng(0)
SHARES = (0.8, 0.2)


def write(root, name, labels=(0,), pixels=None):
    if pixels is None:
        coarse = RNG.integers(0, 256, (7, 7, 3)).astype(np.uint8)
        pixels = np.asarray(Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC))
    Image.fromarray(pixels).save(root / f"{name}.png")
    mask = np.resize(np.array(labels, np.uint8), pixels.shape[:2])
    Image.fromarray(mask).save(root / f"{name}_mask.png")
    return Sample(name, root / f"{name}.png", root / f"{name}_mask.png")


def letters(count):
    return [
        "".join(pair) for pair in itertools.islice(itertools.product("abcdefg", repeat=2), count)
    ]


def ids(parts):
    return [[sample.image_id for sample in part] for part in parts]


def test_every_class_is_on_both_sides_and_a_seed_decides(tmp_path):
    kinds = [(0,), (0, 1), (0, 1), (0, 2), (0,)]
    samples = [write(tmp_path, name, kinds[i % 5]) for i, name in enumerate(letters(25))]
    train, val = ids(divide(INFO, samples, SplitOptions(SHARES)))
    assert (len(train), len(val)) == (20, 5)
    assert sorted(train + val) == sorted(letters(25))
    order = letters(25)
    for kind, expected in {(0, 1): 2, (0, 2): 1}.items():
        assert sum(kinds[order.index(name) % 5] == kind for name in val) == expected
    assert ids(divide(INFO, samples, SplitOptions(SHARES))) == [train, val]
    others = [ids(divide(INFO, samples, SplitOptions(SHARES, seed)))[1] for seed in range(1, 5)]
    assert any(other != val for other in others)


def test_near_duplicates_stay_on_one_side(tmp_path):
    samples = []
    for number, name in enumerate(letters(20)):
        samples.append(write(tmp_path, f"x{name}"))
        if number < 10:
            buffer = io.BytesIO()
            Image.open(samples[-1].image).save(buffer, "JPEG", quality=60)
            brighter = np.asarray(Image.open(buffer)) * 0.95
            samples.append(write(tmp_path, f"copy of x{name}", pixels=brighter.astype(np.uint8)))
    for seed in range(4):
        parts = ids(divide(INFO, samples, SplitOptions(SHARES, seed)))
        assert abs(len(parts[1]) - 6) <= 1
        for part in parts:
            copies = [name for name in part if name.startswith("copy of ")]
            assert all(name.removeprefix("copy of ") in part for name in copies)


def test_frames_of_a_video_are_split_in_blocks(tmp_path):
    samples = [write(tmp_path, f"frame_{number:06}") for number in range(0, 120, 3)]
    _, val = divide(INFO, samples, SplitOptions(SHARES))
    numbers = [int(sample.image_id[-6:]) // 3 for sample in val]
    assert len(numbers) == 8 and numbers == list(range(numbers[0], numbers[0] + 8))


def test_frames_of_a_still_camera_can_be_split(tmp_path):
    still = np.kron(RNG.integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1)))
    noisy = [(still + RNG.normal(0, 2, still.shape)).clip(0, 255) for _ in range(20)]
    samples = [
        write(tmp_path, f"f{n}", pixels=pixels.astype(np.uint8)) for n, pixels in enumerate(noisy)
    ]
    assert [len(part) for part in divide(INFO, samples, SplitOptions(SHARES))] == [16, 4]


def test_blocks():
    names = [f"a{n}" for n in range(10)] + [f"b{n}" for n in range(5)] + ["c"]
    assert frame_blocks(names, 0.2) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    jump = [f"a{n}.rf" for n in (*range(8), *range(500, 508))]
    assert frame_blocks(jump, 0.5) == [
        [*range(4)],
        [*range(4, 8)],
        [*range(8, 12)],
        [*range(12, 16)],
    ]
    assert [len(block) for block in frame_blocks([str(n) for n in range(1000)], 0.2)] == [20] * 50
    roboflow = [f"f_{n:04}_jpg.rf.{'0a1b'[n % 4]}" for n in range(10)]
    assert len(frame_blocks(roboflow, 0.5)) == 2
    assert not frame_blocks([], 0.2)


def test_groups_stay_together(tmp_path):
    samples = [write(tmp_path, f"p{n // 4}_{n % 4}") for n in range(40)]
    parts = ids(divide(INFO, samples, SplitOptions(SHARES, group="^(p\\d+)_")))
    patients = [{name.partition("_")[0] for name in part} for part in parts]
    assert not patients[0] & patients[1] and len(patients[1]) == 2
    with pytest.raises(DataError, match="--group ^x: does not match 'p0_0'".replace("^", r"\^")):
        divide(INFO, samples, SplitOptions(SHARES, group="^x"))
    with pytest.raises(DataError, match="is no regular expression"):
        divide(INFO, samples, SplitOptions(SHARES, group="("))
    with pytest.raises(DataError, match="40 images are 1 groups that must stay together"):
        divide(INFO, samples, SplitOptions(SHARES, group="p"))


def test_folds_have_every_class(tmp_path):
    samples = [
        write(tmp_path, name, (0, 1) if n < 5 else (0,)) for n, name in enumerate(letters(25))
    ]
    parts = ids(divide(INFO, samples, SplitOptions([0.2] * 5)))
    assert [len(part) for part in parts] == [5] * 5
    assert [sum(name in letters(5) for name in part) for part in parts] == [1] * 5


def test_what_cannot_be_read_is_in_the_first_part(tmp_path):
    samples = [write(tmp_path, name) for name in letters(5)]
    samples[2].image.write_bytes(b"<html>")
    samples[3].mask.unlink()
    assert sum(map(len, divide(INFO, samples, SplitOptions(SHARES)))) == 5


def test_small_sets_leave_no_part_empty():
    for count in range(2, 12):
        classes = np.ones((count, 1), int)
        part_of = stratified([1] * count, classes, SHARES, 0)
        assert (part_of == 1).sum() == max(round(count / 5), 1)


def test_a_class_of_one_image_is_for_training():
    classes = np.ones((10, 2), int)
    classes[:, 1] = np.arange(10) == 7
    for seed in range(10):
        assert stratified([1] * 10, classes, SHARES, seed)[7] == 0


def test_what_is_joined():
    assert joined(6, [[0, 2], [2, 4], [5]]) == [[0, 2, 4], [1], [3], [5]]
    first = np.arange(64) % 2 == 0
    near, far = first.copy(), first.copy()
    near[:6], far[:8] = ~near[:6], ~far[:8]
    looks = {
        0: Look(first, b"0"),
        1: Look(near, b"1"),
        2: Look(far, b"2"),
        3: Look(None, b"2"),
        5: Look(first, b"5"),
    }
    assert sorted(near_duplicates(looks, 6)) == [(0, 1), (0, 5), (1, 2), (2, 3)]
    assert near_duplicates(looks, -1) == [(2, 3)]
