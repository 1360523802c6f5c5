"""How hypothesis works here: on a busy machine an example may take long, which says nothing of the code."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("everyday", deadline=None)
settings.register_profile(
    "thorough", max_examples=3000, deadline=None
)  # pytest --hypothesis-profile thorough
settings.load_profile("everyday")
