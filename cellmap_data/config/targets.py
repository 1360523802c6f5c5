"""Where the labels of a crop are, and which classes somebody annotated there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cellmap_data.config.faults import raise_faults
from cellmap_data.errors import ConfigurationError

_BRACKETS = re.compile(r"(?P<base>.*)\[(?P<classes>[^\[\]]*)\](?P<suffix>[^\[\]]*)")


@dataclass(frozen=True, slots=True)
class TargetPath:
    """The labels of one crop: one multiscale group for each annotated class, at ``base + class + suffix``.

    Attributes
    ----------
    base, suffix : str
        What comes before and after the name of the class.
    annotated : tuple of str
        The classes that were annotated, in the order of the path.
    """

    base: str
    annotated: tuple[str, ...]
    suffix: str = ""

    @classmethod
    def parse(cls, path: str) -> TargetPath:
        """Read ``base/[c1,c2]suffix``; without brackets the last part of the path is the one class.

        Raises
        ------
        ConfigurationError
            If the brackets hold an empty name, or there is no name at all.
        """
        match = _BRACKETS.fullmatch(path)
        if match is None:
            base, slash, name = path.rstrip("/").rpartition("/")
            names, suffix = [name], ""
            base += slash
        else:
            base, suffix = match["base"], match["suffix"]
            names = [name.strip() for name in match["classes"].split(",")] if match["classes"].strip() else []
        faults = [] if all(names) else ["a class without a name"]
        raise_faults(
            ConfigurationError,
            "A target path must name its classes.",
            faults,
            place=path,
            hint="write base/[class1,class2]suffix, or a path that ends with the class",
        )
        return cls(base, tuple(dict.fromkeys(names)), suffix)

    def __str__(self) -> str:
        return f"{self.base}[{','.join(self.annotated)}]{self.suffix}"

    def of(self, name: str) -> str:
        """The path of the group of one class."""
        return f"{self.base}{name}{self.suffix}"
