import tensorflow as tf

from tf_image_segmentation.input import register_augmentation


@register_augmentation
def black_out(image, mask, seed, side=8):
    shape = tf.shape(mask)
    corner = tf.random.stateless_uniform([2], seed) * tf.cast(shape, tf.float32)
    top, left = tf.unstack(tf.cast(corner, tf.int32))
    rows, columns = tf.range(shape[0])[:, None], tf.range(shape[1])[None, :]
    hidden = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return tf.where(hidden[..., None], 0.0, image), tf.where(hidden, -1, mask)
