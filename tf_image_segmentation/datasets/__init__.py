"""Data sets on disk: what exists. Importing this package registers every data set."""

from tf_image_segmentation.datasets import (
    ade20k,
    berkeley_sbd,
    camvid,
    chase_db1,
    cityscapes,
    coco_stuff,
    cvc_clinicdb,
    drive,
    isbi_em,
    isic,
    kvasir_seg,
    pascal_context,
    pascal_voc,
    pascal_voc_sbd,
    shapes,
)
from tf_image_segmentation.datasets.dataset import (
    Dataset,
    DatasetInfo,
    Sample,
    dataset_names,
    get_dataset,
)
