"""The archive: Delta tables on a folder, written durably, one writer at a time."""
