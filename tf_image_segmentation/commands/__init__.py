"""What the scripts share: each script parses its arguments and calls the package."""
