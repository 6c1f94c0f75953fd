import tensorflow as tf
import tf_slim as slim

from tf_image_segmentation.models import register_model


@register_model(size_divisor=4, pad_value=(128.0, 128.0, 128.0))
def my_net(images, num_classes, is_training, width=8):
    with tf.compat.v1.variable_scope("my_net"):
        net = tf.cast(images, tf.float32) / 128.0 - 1.0
        net = slim.conv2d(net, width, 3, stride=2, scope="conv1")
        net = slim.conv2d(net, width, 3, stride=2, scope="conv2")
        scores = slim.conv2d(net, num_classes, 1, activation_fn=None, scope="scores")
        logits = tf.image.resize(scores, tf.shape(images)[1:3])
    return logits, {"scores": scores}
