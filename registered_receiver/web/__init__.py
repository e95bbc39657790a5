"""The receiver's web pages: the worklist, near misses, and what came in."""
