"""Searches for the dense CRF's parameters that suit a network and its images.

The network predicts each image once, and what it predicts is kept on disk (`cache`,
`preparation`). Worker processes refine it with one parameter set after the other (`trials`,
`refining`, `search`), and each finished step is a line of a file, from which a stopped search goes
on (`folder`). Importing this package does not load TensorFlow, and neither do the workers.
"""
