"""Files to arrays, with all checks of images and masks."""
