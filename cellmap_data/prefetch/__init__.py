"""Reading ahead in background threads: results in order, a strict bound, errors where they belong."""

from cellmap_data.prefetch.prefetcher import Prefetcher

__all__ = ["Prefetcher"]
