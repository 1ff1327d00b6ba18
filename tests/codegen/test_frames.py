"""Layouts, and the codecs generated from them, imported and exercised."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from avatar_protocols.tables import FrameError
from codegen.frames import add_frames, describe, lay_out
from codegen.model import Frame, FrameField, Payload
from codegen.tree import Tree
from codegen.validate import MetaSchemas, load_specification


def frame(*fields: FrameField, header_bytes: int) -> Frame:
    return Frame(
        description="A frame.",
        header_bytes=header_bytes,
        payload=Payload(length_field="length"),
        fields=list(fields),
    )


def bits(name: str, count: int, **more: object) -> FrameField:
    return FrameField(name=name, bits=count, **more)


@pytest.fixture
def codec(layout, tmp_path, request):
    """The module of frames that the small repository's newer revision gets."""
    spec = load_specification("demo", layout, MetaSchemas(layout))
    tree = Tree()
    add_frames(spec, "2.0", tree)
    (text,) = tree.files.values()
    path = tmp_path / "demo_frames.py"
    path.write_text(text, encoding="utf-8")
    name = f"demo_frames_{abs(hash(request.node.nodeid))}"
    module_spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module
    module_spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


def test_words_end_where_fields_end_if_they_can() -> None:
    layout = lay_out("F", frame(bits("a", 8), bits("b", 32), bits("length", 16), header_bytes=7))
    assert layout.format == ">BIH"
    assert [layout.read(slot) for slot in layout.slots] == ["word0", "word1", "word2"]


def test_a_field_may_span_words() -> None:
    layout = lay_out("F", frame(bits("a", 4), bits("b", 20), bits("length", 16), header_bytes=5))
    wide = next(slot for slot in layout.slots if slot.name == "b")
    assert "<<" in layout.read(wide)


def test_a_wide_enum_is_refused() -> None:
    field = bits("a", 16, enum={"X": 0})
    with pytest.raises(ValueError, match=r"F\.a: an enum of 16 bits"):
        lay_out("F", frame(field, bits("length", 16), header_bytes=4))


def test_the_documentation_of_a_field() -> None:
    layout = lay_out(
        "F",
        frame(
            bits("count", 12, wraps=True, unit="beats", wire="C"),
            bits("tone", 4, enum={"LOW": 0}, meaning="how high"),
            bits("length", 16),
            header_bytes=4,
        ),
    )
    assert describe(layout.slots[0]) == ("count, in beats; 0 to 4095, then from zero again (`C`).")
    assert describe(layout.slots[1]) == "how high."


def test_a_revision_has_its_own_frames(layout) -> None:
    spec = load_specification("demo", layout, MetaSchemas(layout))
    tree = Tree()
    add_frames(spec, "1.0", tree)
    (text,) = tree.files.values()
    assert "class Beat" in text
    assert "Marker" not in text


def test_what_is_packed_can_be_unpacked(codec) -> None:
    for count in (0, 1, 255, 256, 16383):
        for tone in codec.BeatTone:
            beat = codec.Beat(loud=True, tone=tone, count=count, volume=11, payload=b"xyz")
            assert codec.Beat.unpack(beat.pack()) == beat
            assert codec.unpack(beat.pack()) == beat


def test_the_bits_stand_where_the_table_says(codec) -> None:
    beat = codec.Beat(loud=True, tone=codec.BeatTone.HIGH, count=1, volume=5, payload=b"z")
    # 01 1 010 00000000000001 0101 00000000 00000001
    text = "0110100000000000000101010000000000000001"
    assert beat.pack() == int(text, 2).to_bytes(5, "big") + b"z"


def test_frames_that_begin_differently_are_told_apart(codec) -> None:
    marker = codec.Marker(position=(1 << 48) - 1, payload=b"\x00" * 300)
    assert codec.unpack(marker.pack()) == marker
    assert list(codec.FRAMES) == ["Beat", "Marker"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"count": -1}, "count"),
        ({"count": 16384}, "count"),
        ({"count": 1.0}, "count"),
        ({"count": "1"}, "count"),
        ({"count": None}, "count"),
        ({"tone": 1}, "tone"),
        ({"tone": 3}, "tone"),
        ({"volume": 0}, "volume"),
        ({"volume": 12}, "volume"),
        ({"payload": b"x" * 201}, "payload"),
        ({"payload": "text"}, "payload"),
        ({"payload": None}, "payload"),
    ],
)
def test_pack_refuses_what_does_not_fit(codec, fields, field) -> None:
    beat = codec.Beat(**{"count": 0, **fields})
    with pytest.raises(FrameError) as caught:
        beat.pack()
    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("position", "value", "field"),
    [
        (0, 0x80, "kind"),
        (0, 0x44, "tone"),  # 01 0 001
        (2, 0x00, "volume"),
        (3, 0x01, "reserved"),
        (4, 0x02, "payload"),
    ],
)
def test_unpack_refuses_what_is_undefined(codec, position, value, field) -> None:
    data = bytearray(codec.Beat(count=0, payload=b"z").pack())
    data[position] = value
    with pytest.raises(FrameError) as caught:
        codec.Beat.unpack(bytes(data))
    assert caught.value.field == field


@pytest.mark.parametrize("data", [b"", b"\x40", "text", None, 7])
def test_what_is_no_frame_is_refused(codec, data) -> None:
    for read in (codec.unpack, codec.Beat.unpack):
        with pytest.raises(FrameError) as caught:
            read(data)
        assert caught.value.field == "header"


def test_an_unknown_beginning_is_refused(codec) -> None:
    with pytest.raises(FrameError) as caught:
        codec.unpack(b"\xff" * 20)
    assert caught.value.field == "kind"


def test_bytes_after_the_payload_are_ignored(codec) -> None:
    beat = codec.Beat(count=3, payload=b"z")
    assert codec.Beat.unpack(beat.pack() + b"more") == beat


def test_other_kinds_of_bytes_are_read(codec) -> None:
    beat = codec.Beat(count=3, payload=b"z")
    for kind in (bytearray, memoryview):
        read = codec.Beat.unpack(kind(beat.pack()))
        assert read == beat
        assert type(read.payload) is bytes


def test_a_frame_is_described_by_names(codec) -> None:
    beat = codec.Beat(count=3, tone=codec.BeatTone.HIGH, payload=b"z")
    assert beat.describe() == {
        "loud": False,
        "tone": "HIGH",
        "count": 3,
        "volume": 5,
        "payload_bytes": 1,
    }
    assert codec.Beat(count=0, tone=5).describe()["tone"] == 5
