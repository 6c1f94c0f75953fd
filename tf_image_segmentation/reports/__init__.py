"""Reports: HTML pages and figures that need no other file, no script and no network."""
