from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.multipart import MultipartError, Part, build, content_type, parse

HEADER = content_type("b")
FIELD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


def test_a_form_as_bytes():
    parts = [
        Part(name="session_id", content="é".encode()),
        Part(name="audio", content=b"\0\xff", filename="a.wav", content_type="audio/wav"),
    ]
    assert build(parts, "xyz") == (
        b'--xyz\r\nContent-Disposition: form-data; name="session_id"\r\n\r\n\xc3\xa9\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n\0\xff\r\n--xyz--\r\n"
    )
    assert content_type("xyz") == 'multipart/form-data; boundary="xyz"'
    assert parts[0].text == "é"


@pytest.mark.parametrize("boundary", ["", "x" * 71, "a\nb", "ends in a space ", "é"])
def test_boundaries_that_cannot_be_used(boundary):
    with pytest.raises(ValueError, match="not a boundary"):
        build([], boundary)


def test_a_boundary_that_stands_in_a_content():
    with pytest.raises(ValueError, match="stands in the field a"):
        build([Part(name="a", content=b"--b")], "b")


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        (HEADER, b"--b--\r\n", []),
        (HEADER, FIELD + b"x\r\n--b--", [Part(name="a", content=b"x")]),
        (HEADER, b"preamble\r\n" + FIELD + b"x\r\n--b--epilogue", [Part(name="a", content=b"x")]),
        (HEADER, b"--b \t\r\n" + FIELD[5:] + b"\r\n--b--", [Part(name="a", content=b"")]),
        (HEADER, FIELD + b"\r\n\r\n--b--", [Part(name="a", content=b"\r\n")]),
        (
            "Multipart/Form-Data; charset=utf-8; Boundary=b",
            (
                b"--b\r\ncontent-disposition: form-data; name=a; filename*=UTF-8''%e2%82%ac"
                b"\r\n\r\n\r\n--b--"
            ),
            [Part(name="a", content=b"", filename="€")],
        ),
        (
            HEADER,
            '--b\r\nContent-Disposition: form-data; name="ü%22"; filename=""'.encode()
            + b"\r\n\r\n\r\n--b--",
            [Part(name='ü"', content=b"", filename="")],
        ),
    ],
)
def test_forms_are_read(header, body, expected):
    assert parse(header, body) == expected


@pytest.mark.parametrize(
    ("header", "body", "complaint"),
    [
        ("", b"", "not multipart/form-data"),
        ("text/plain; boundary=b", b"--b--", "not multipart/form-data"),
        ("multipart/form-data", b"--b--", "with a boundary"),
        ("multipart/form-data; boundary=", b"--b--", "with a boundary"),
        (HEADER, b"", "no closing boundary 'b'"),
        (HEADER, FIELD + b"x", "no closing boundary"),
        (HEADER, FIELD + b"x\r\n--b\r\n", "does not end"),
        (HEADER, b"--b\r\nContent-Disposition: form-data; name=a\r\n--b--", "does not end"),
        (HEADER, b"--bb\r\n\r\n--b--", "no line of its own"),
        (HEADER, b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--", "has no name"),
        (
            HEADER,
            b"--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--",
            "has no name",
        ),
        (HEADER, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", "has no name"),
    ],
)
def test_what_is_no_form(header, body, complaint):
    with pytest.raises(MultipartError, match=complaint):
        parse(header, body)


names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1)


@given(
    st.lists(
        st.builds(
            Part,
            name=names.filter(lambda name: "%" not in name and "\\" not in name),
            content=st.binary(),
            filename=st.none() | st.just("a b.wav"),
            content_type=st.sampled_from(["", "audio/wav"]),
        )
    )
)
def test_what_was_built_is_read(parts):
    boundary = "understudy-boundary"
    assert parse(content_type(boundary), build(parts, boundary)) == parts


fields = st.text(st.sampled_from("form-data; name=\"a*0'%\\(),<>@\r\n\té\udc80"))


@given(fields, fields, st.binary())
def test_whatever_arrives(header, field, noise):
    head = f"--b\r\nContent-Disposition: form-data; {field}\r\n\r\n"
    body = head.encode("utf-8", "surrogatepass")
    for given_header, given_body in (
        (f"multipart/form-data; {header}", noise),
        (HEADER, FIELD + noise),
        (HEADER, body + noise + b"\r\n--b--"),
        (HEADER, b"--b\r\n" + noise + b"\r\n\r\n\r\n--b--"),
    ):
        with contextlib.suppress(MultipartError):
            parse(given_header, given_body)
