"""Generated records as a tolerant reader takes them: nothing is required, nothing has a type."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

__all__ = ["loosen"]


@cache
def loosen(struct: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A twin of a generated record whose members may be of any type, or missing (None)."""
    fields = [(item.name, Any, None) for item in msgspec.structs.fields(struct)]
    names = {item.name: item.encode_name for item in msgspec.structs.fields(struct)}
    return msgspec.defstruct(f"Loose{struct.__name__}", fields, rename=names, kw_only=True)
