"""The plugins that come with cellmap-data: prefetch, augmentation, memory_optimization, device_transfer.

They are guests of the framework: found by entry point like any other plugin, importing only what a third
party may import, and each replaceable by a plugin of the same role.
"""
