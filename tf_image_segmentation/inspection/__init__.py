"""Inspection: what is seen of a dataset before a network is trained on it.

`sample_source` reads files before a conversion, without TensorFlow; `record_source` reads records
after it. What is measured, found and shown is the same.
"""
