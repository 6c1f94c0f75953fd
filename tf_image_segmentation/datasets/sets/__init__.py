"""Published datasets, one file each; a file that is added here is found by name."""
