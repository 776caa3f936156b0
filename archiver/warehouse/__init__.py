"""The warehouse: a folder derived from the archive, published by atomic replace."""
