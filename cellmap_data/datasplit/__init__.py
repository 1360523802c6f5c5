"""Which crops train a model and which validate it: from a table of paths to datasets."""

from cellmap_data.datasplit.datasplit import CellMapDataSplit
from cellmap_data.datasplit.leaks import Leak
from cellmap_data.datasplit.making import Made, make_datasplit
from cellmap_data.datasplit.rows import BrokenRow, Row

__all__ = ["BrokenRow", "CellMapDataSplit", "Leak", "Made", "Row", "make_datasplit"]
