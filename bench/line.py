"""What processes of a benchmark tell each other: data classes, as a line of JSON each."""

from __future__ import annotations

import json
from dataclasses import Field, asdict
from typing import Any, ClassVar, Self


class Line:
    """A data class that goes to another process, or comes from one."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))
