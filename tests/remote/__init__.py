"""Volumes in stores that are reached over a network: S3, Google's, plain HTTP."""
