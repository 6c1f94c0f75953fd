"""Downloads of datasets and weights: checked, resumable, safely unpacked."""
