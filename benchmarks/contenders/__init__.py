"""The processes that are measured, one file each."""
