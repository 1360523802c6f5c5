"""Iterate over a prepared loader: ``accelerated.py folder workers``; notes what each rank saw, and hooks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from accelerate import Accelerator

from cellmap_data import EnhancedCellMapDataLoader
from tests.enhanced_dataloader.recorder import Recorder
from tests.toy import Toy, seeded


def main(folder: Path, workers: int) -> None:
    accelerator = Accelerator(cpu=True)
    rank = accelerator.process_index
    recorder = Recorder(folder / f"hooks{rank}")
    with EnhancedCellMapDataLoader(
        Toy(24), batch_size=3, rng=seeded(), num_workers=workers, plugins=[recorder]
    ) as loader:
        batches = accelerator.prepare(loader.loader)
        seen = [
            [(epoch, list(batch["x"].shape), batch["idx"].tolist()) for batch in batches]
            for epoch in range(2)
        ]
    (folder / f"rank{rank}.json").write_text(json.dumps({"seen": [*seen[0], *seen[1]]}))
    accelerator.end_training()


if __name__ == "__main__":
    os.environ.setdefault("ACCELERATE_USE_CPU", "1")
    main(Path(sys.argv[1]), int(sys.argv[2]))
