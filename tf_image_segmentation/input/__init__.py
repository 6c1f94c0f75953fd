"""Input: augmentation and the tf.data pipeline."""
