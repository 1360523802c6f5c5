"""Named coordinate systems (RFC-5): which of them the levels of a volume lie in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellmap_data.ngff.findings import Findings


def intrinsic_system(metadata: Mapping[str, Any], findings: Findings) -> tuple[str, Any]:
    """Place and axes of the coordinate system into which each level of a multiscale is mapped.

    The format calls it intrinsic: the physical space of the image, related to the arrays by scales and
    translations. From there, transformations of any kind may lead to further systems. These are not followed.

    Returns
    -------
    tuple
        Its place in the metadata, empty if it cannot be made out, and what is there as its axes.
    """
    systems = metadata["coordinateSystems"]
    if not isinstance(systems, list) or not all(isinstance(s, Mapping) and "name" in s for s in systems):
        findings.fault(f"coordinateSystems: expected a list of objects with a name, got {systems!r}")
        return "", None
    outputs = _outputs(metadata.get("datasets"), findings)
    if len(outputs) != 1:
        if outputs:
            findings.fault(f"datasets: expected all levels in one coordinate system, got {outputs}")
        return "", None
    (name,) = outputs
    names = [system["name"] for system in systems]
    if name not in names:
        findings.fault(f"coordinateSystems: expected one named {name!r}, into which levels go, got {names}")
        return "", None
    if metadata.get("coordinateTransformations"):
        findings.depart(
            f"coordinateTransformations: not applied; coordinates are those of {name!r}, where the levels are"
        )
    index = names.index(name)
    return f"coordinateSystems[{index}].axes", systems[index].get("axes")


def _outputs(datasets: Any, findings: Findings) -> list[str]:
    """The different systems into which levels are mapped."""
    outputs: dict[str, None] = {}
    for i, entry in enumerate(datasets if isinstance(datasets, list) else ()):
        steps = entry.get("coordinateTransformations") if isinstance(entry, Mapping) else None
        if not isinstance(steps, list) or len(steps) != 1 or not isinstance(steps[0], Mapping):
            findings.fault(
                f"datasets[{i}].coordinateTransformations: expected one transformation, got {steps!r}"
            )
            continue
        output = steps[0].get("output")
        name = output.get("name") if isinstance(output, Mapping) else output
        if isinstance(name, str):
            outputs[name] = None
        else:
            findings.fault(
                f"datasets[{i}].coordinateTransformations[0].output: "
                f"expected the name of a coordinate system, got {output!r}"
            )
    return list(outputs)
