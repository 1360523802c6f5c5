"""Which sample comes when, and which random numbers it gets: all of it arithmetic on (seed, epoch, k)."""

from cellmap_data.sampler.base import OrderSampler
from cellmap_data.sampler.draws import Draw, SampleIndex, Stream, generator_for, replacement
from cellmap_data.sampler.orders import Order, SequentialOrder, ShuffledOrder

__all__ = [
    "Draw",
    "Order",
    "OrderSampler",
    "SampleIndex",
    "SequentialOrder",
    "ShuffledOrder",
    "Stream",
    "generator_for",
    "replacement",
]
