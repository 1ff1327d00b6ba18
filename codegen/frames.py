"""Bit layouts compiled into codecs: one ``struct`` call and shifts, nothing interpreted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from codegen.model import Frame, FrameField
from codegen.naming import class_name, constant_name, revision_module
from codegen.render import render

if TYPE_CHECKING:
    from codegen.model import Specification
    from codegen.tree import Tree

__all__ = ["Layout", "Slot", "Word", "add_frames", "lay_out"]

_CODES = {8: "Q", 4: "I", 2: "H", 1: "B"}
_TUPLE_LIMIT = 4  # up to so many bits, the members of an enum are looked up in a tuple


class Word(msgspec.Struct, frozen=True):
    """One item of the ``struct`` format.

    Attributes:
        name: local variable of the codec.
        code: ``struct`` format character.
        low: position of its lowest bit in the header, counted from the header's last bit.
        bits: its size.
    """

    name: str
    code: str
    low: int
    bits: int


class Slot(msgspec.Struct, frozen=True):
    """A field at its place in the header.

    Attributes:
        field: the row of the specification.
        low: position of its lowest bit, counted from the header's last bit.
        cls: class of its enum, or "".
    """

    field: FrameField
    low: int
    cls: str

    @property
    def name(self) -> str:
        """The field's name."""
        return self.field.name

    @property
    def mask(self) -> int:
        """Its largest value as bits, not shifted."""
        return (1 << self.field.bits) - 1

    @property
    def largest(self) -> int:
        """The largest value that may be sent."""
        if self.field.enum is not None:
            return max(self.field.enum.values())
        return self.mask if self.field.max is None else self.field.max

    @property
    def smallest(self) -> int:
        """The smallest value that may be sent."""
        if self.field.enum is not None:
            return min(self.field.enum.values())
        return self.field.min or 0

    @property
    def gaps(self) -> bool:
        """Whether an enum leaves out a value between its smallest and largest."""
        enum = self.field.enum
        return enum is not None and len(enum) != self.largest - self.smallest + 1

    @property
    def undefined(self) -> bool:
        """Whether the bits can say something that is not a member of the enum."""
        return self.field.enum is not None and len(self.field.enum) != self.mask + 1

    @property
    def hint(self) -> str:
        """The annotation of the Struct's field."""
        return self.cls or ("bool" if self.field.flag else "int")

    @property
    def default(self) -> str | None:
        """Source of the default, or None for a field that must be given."""
        default = self.field.default
        if default is None:
            return None
        if self.field.enum is not None:
            names = {value: name for name, value in self.field.enum.items()}
            return f"{self.cls}.{default if isinstance(default, str) else names[int(default)]}"
        return repr(bool(default) if self.field.flag else int(default))


class Layout(msgspec.Struct, frozen=True):
    """A frame, ready for the template.

    Attributes:
        name: class name.
        frame: the row of the specification.
        format: the ``struct`` format of the header.
        words: its items.
        slots: every field, in wire order.
    """

    name: str
    frame: Frame
    format: str
    words: list[Word]
    slots: list[Slot]

    @property
    def constant(self) -> str:
        """Prefix of the codec's module-level names."""
        return constant_name(self.name)

    @property
    def given(self) -> list[Slot]:
        """Fields that a user gives: neither constants nor the length."""
        return [slot for slot in self.slots if slot.field.const is None and slot != self.length]

    @property
    def ordered(self) -> list[Slot]:
        """The given fields as the Struct has them: those without a default first."""
        return sorted(self.given, key=lambda slot: slot.default is not None)

    @property
    def fixed(self) -> list[Slot]:
        """Fields with one legal value."""
        return [slot for slot in self.slots if slot.field.const is not None]

    @property
    def length(self) -> Slot:
        """The field that counts the payload's bytes."""
        return next(s for s in self.slots if s.name == self.frame.payload.length_field)

    @property
    def largest_payload(self) -> int:
        """Bytes."""
        return self.frame.payload.max or self.length.mask

    @property
    def kind(self) -> tuple[int, int] | None:
        """Bits and value of the constant that the frame begins with, if it does."""
        first = self.slots[0].field
        return None if first.const is None else (first.bits, first.const)

    def read(self, slot: Slot) -> str:
        """Expression that takes a field out of the words; in parentheses unless it is a name."""
        parts: list[str] = []
        for word in self.words:
            low = max(slot.low, word.low)
            high = min(slot.low + slot.field.bits, word.low + word.bits)
            if low >= high:
                continue
            text = word.name
            if low > word.low:
                text += f" >> {low - word.low}"
            if high < word.low + word.bits:
                text += f" & 0x{(1 << (high - low)) - 1:X}"
            if low > slot.low:
                text = f"({text}) << {low - slot.low}"
            parts.append(text)
        text = " | ".join(f"({part})" if " " in part else part for part in parts)
        return f"({text})" if len(parts) > 1 else text

    def read_flag(self, slot: Slot) -> str:
        """Expression that is true if a single bit is set."""
        word = next(w for w in self.words if w.low <= slot.low < w.low + w.bits)
        return f"({word.name} & 0x{1 << (slot.low - word.low):X}) != 0"

    def write(self, word: Word) -> str:
        """Expression that puts the fields of one word together."""
        parts: list[str] = []
        constant = 0
        for slot in self.slots:
            low = max(slot.low, word.low)
            high = min(slot.low + slot.field.bits, word.low + word.bits)
            if low >= high:
                continue
            if slot.field.const is not None:
                value = (slot.field.const >> (low - slot.low)) & ((1 << (high - low)) - 1)
                constant |= value << (low - word.low)
                continue
            text = slot.name
            if low > slot.low:
                text = f"({text} >> {low - slot.low})"
            if high < slot.low + slot.field.bits:
                text = f"({text} & 0x{(1 << (high - low)) - 1:X})"
            parts.append(f"{text} << {low - word.low}" if low > word.low else text)
        if constant:
            parts.insert(0, f"0x{constant:X}")
        return " | ".join(parts) or "0"

    def refusals(self) -> list[str]:
        """Conditions, each true if a field cannot be sent; a shift finds both ends of a range."""
        tests: list[str] = []
        for slot in self.given:
            tests.append(f"{slot.name} >> {slot.field.bits}")
            if slot.largest < slot.mask:
                tests.append(f"{slot.name} > {slot.largest}")
            if slot.smallest > 0:
                tests.append(f"{slot.name} < {slot.smallest}")
            if slot.gaps:
                tests.append(f"_{self.constant}_{constant_name(slot.name)}[{slot.name}] is None")
        return tests

    def members(self, slot: Slot) -> str:
        """Source of the tuple of an enum's members, None where the bits mean nothing."""
        names = {value: name for name, value in (slot.field.enum or {}).items()}
        items = [
            f"{slot.cls}.{names[value]}" if value in names else "None"
            for value in range(slot.mask + 1)
        ]
        return f"({', '.join(items)},)"


def lay_out(name: str, frame: Frame) -> Layout:
    """Place every field of a frame and choose the words of its ``struct`` format.

    Raises:
        ValueError: an enum is wider than a lookup tuple should be.
    """
    low = frame.header_bytes * 8
    slots: list[Slot] = []
    for field in frame.fields:
        low -= field.bits
        if field.enum is not None and field.bits > 2 * _TUPLE_LIMIT:
            raise ValueError(f"{name}.{field.name}: an enum of {field.bits} bits is not supported")
        cls = f"{name}{class_name(field.name)}" if field.enum is not None else ""
        slots.append(Slot(field=field, low=low, cls=cls))
    starts = {frame.header_bytes * 8 - slot.low - slot.field.bits for slot in slots}
    named: list[Word] = []
    position = 0
    for size in _sizes(frame.header_bytes, starts):
        position += size
        rest = (frame.header_bytes - position) * 8
        named.append(Word(f"word{len(named)}", _CODES[size], low=rest, bits=size * 8))
    text = ">" + "".join(word.code for word in named)
    return Layout(name=name, frame=frame, format=text, words=named, slots=slots)


def _sizes(total: int, starts: set[int]) -> list[int]:
    """Byte sizes of the words that make the fastest codec.

    A field cut in two costs two shifts more; a word of 64 bits with several fields costs shifts of
    big integers; each word costs a little. The cheapest split is found from the front.

    Args:
        total: bytes of the header.
        starts: positions where fields begin, in bits from the front.
    """
    best: dict[int, tuple[int, list[int]]] = {0: (0, [])}
    for end in range(1, total + 1):
        splits: list[tuple[int, list[int]]] = []
        for size in _CODES:
            start = end - size
            if start not in best:
                continue
            cost, sizes = best[start]
            inner = [bit for bit in starts if start * 8 < bit < end * 8]
            cost += 1 + (5 if size == 8 and inner else 0)  # noqa: PLR2004 (a word of 64 bits)
            cost += 0 if end == total or end * 8 in starts else 10
            splits.append((cost, [*sizes, size]))
        best[end] = min(splits)
    return best[total][1]


def add_frames(spec: Specification, revision: str, tree: Tree) -> None:
    """Take ``frames.py`` of a revision, if the protocol has binary frames."""
    if spec.frames is None:
        return
    layouts = [
        lay_out(name, frame)
        for name, frame in spec.frames.frames.items()
        if frame.belongs(revision)
    ]
    enums = [slot for layout in layouts for slot in layout.given if slot.cls]
    kinds: dict[int, list[Layout]] = {}
    for layout in layouts:
        if layout.kind is not None:
            kinds.setdefault(layout.kind[0], []).append(layout)
    text = render(
        "frames.py.jinja",
        spec=spec,
        revision=revision,
        layouts=layouts,
        enums=enums,
        kinds=sorted(kinds.items(), reverse=True),
        describe=describe,
        exported=sorted(
            [layout.name for layout in layouts]
            + [slot.cls for slot in enums]
            + ["AnyFrame", "FRAMES", "FrameError", "unpack"]
        ),
    )
    path = f"avatar_protocols/{spec.id}/{revision_module(revision)}/frames.py"
    tree.add(path, text, [f"spec/{spec.id}/frames.yaml"])


def describe(slot: Slot) -> str:
    """What stands in the codec's documentation of a field."""
    field = slot.field
    text = field.meaning or slot.name.replace("_", " ")
    if field.unit:
        text += f", in {field.unit}"
    if field.enum is None and not field.flag:
        text += f"; {slot.smallest} to {slot.largest}"
    if field.wraps:
        text += ", then from zero again"
    return f"{text} (`{field.wire}`)." if field.wire else f"{text}."
