"""Records: what is stored, how it is written, read back and checked."""

from tf_image_segmentation.tfrecords.files import read_shard
from tf_image_segmentation.tfrecords.manifest import MANIFEST_FILE, Manifest, Shard, Split
from tf_image_segmentation.tfrecords.mixture import write_mixture
from tf_image_segmentation.tfrecords.reader import Records, open_records, read_examples
from tf_image_segmentation.tfrecords.schema import Example, encode_example, parse_example
from tf_image_segmentation.tfrecords.writer import convert
