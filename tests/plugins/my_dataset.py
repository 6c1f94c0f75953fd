from tf_image_segmentation.datasets import DatasetInfo, Sample, Source, register_dataset

INFO = DatasetInfo(
    name="rooms",
    class_names=("wall", "window", "door"),
    palette=((128, 128, 128), (0, 128, 255), (200, 100, 0)),
    splits={"train": 4, "val": 2},
)


@register_dataset(INFO, Source(license="CC0"))
def samples(root, split):
    for image in sorted((root / "images" / split).glob("*.png")):
        yield Sample(image.stem, image, root / "masks" / split / image.name)
