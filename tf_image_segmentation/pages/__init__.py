"""HTML pages that need no other file, no script and no network."""
