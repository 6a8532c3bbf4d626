"""DER in the small: as much as Notary's key files need.

Rules:

- reading is strict: definite lengths in their shortest form, no trailing bytes, single-byte tags;
- nothing here recurses: a caller opens one level at a time, so nesting cannot exhaust the stack.
"""

from typing import Final, NamedTuple

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
SEQUENCE: Final = 0x30

_LONG_FORM: Final = 0x80
_HIGH_TAG: Final = 0x1F


class DerError(ValueError):
    """The bytes are not the DER that was expected."""


class Element(NamedTuple):
    """One element: its tag, its content, and the whole of it with tag and length."""

    tag: int
    value: bytes
    raw: bytes

    def expect(self, tag: int) -> bytes:
        """Return the content if the element has this tag.

        Raises:
            DerError: it has another.
        """
        if self.tag != tag:
            raise DerError(f"tag {self.tag:#04x} where {tag:#04x} was expected")
        return self.value


def elements(data: bytes) -> list[Element]:
    """Split ``data`` into the elements that stand in it, one after the other.

    Raises:
        DerError: an element is cut short, or its length is not in DER's form.

    Source: ITU-T X.690, sections 8.1 and 10.1.
    """
    found = []
    position = 0
    while position < len(data):
        element = _element_at(data, position)
        found.append(element)
        position += len(element.raw)
    return found


def sequence(data: bytes) -> list[Element]:
    """Open ``data``, which must be exactly one SEQUENCE, and return what is in it.

    Raises:
        DerError: it is something else, or bytes follow it.
    """
    found = elements(data)
    if len(found) != 1:
        raise DerError(f"{len(found)} elements where one was expected")
    return elements(found[0].expect(SEQUENCE))


def encode(tag: int, *parts: bytes) -> bytes:
    """Join ``parts`` and put them under a tag with a definite length."""
    value = b"".join(parts)
    size = len(value)
    if size < _LONG_FORM:
        return bytes([tag, size]) + value
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG_FORM | len(octets)]) + octets + value


def integer(value: int) -> bytes:
    """Encode a non-negative INTEGER in its shortest form."""
    if value < 0:
        raise ValueError("only non-negative integers are encoded here")
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def read_integer(element: Element) -> int:
    """Read a non-negative INTEGER.

    Raises:
        DerError: another type, negative, empty, or not in its shortest form.
    """
    value = element.expect(INTEGER)
    if not value or value[0] & _LONG_FORM:
        raise DerError("an integer that is empty or negative")
    if len(value) > 1 and value[0] == 0 and not value[1] & _LONG_FORM:
        raise DerError("an integer that is not in its shortest form")
    return int.from_bytes(value, "big")


def _element_at(data: bytes, position: int) -> Element:
    if position + 2 > len(data):
        raise DerError("cut short inside a header")
    tag, size = data[position], data[position + 1]
    start = position + 2
    if tag & _HIGH_TAG == _HIGH_TAG:
        raise DerError("a tag of several bytes")
    if size >= _LONG_FORM:
        count = size & ~_LONG_FORM
        octets = data[start : start + count]
        if not 1 <= count <= 4 or len(octets) != count:
            raise DerError("a length that is indefinite, too large or cut short")
        size = int.from_bytes(octets, "big")
        if size < _LONG_FORM or octets[0] == 0:
            raise DerError("a length that is not in its shortest form")
        start += count
    end = start + size
    if end > len(data):
        raise DerError("cut short inside a value")
    return Element(tag, data[start:end], data[position:end])
