"""Custom data as given to the real ``notary add --custom``, and what became of it.

The rows are those of python-tuf-fit, section 2, as recorded from notary 0.7.0; the interoperation
tests record them anew.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Row:
    """One text given to ``notary add --custom``, and what became of it.

    ``spelling`` is how we write the decoded value; empty where it must be refused.
    """

    text: str
    published: bool
    spelling: str


def good(text: str) -> Row:
    return Row(text, published=True, spelling=text)


def bad(text: str) -> Row:
    """A text that fails in Go and whose value must be refused."""
    return Row(text, published=False, spelling="")


def respelled(text: str, spelling: str) -> Row:
    """A text that fails in Go although its value would not."""
    return Row(text, published=False, spelling=spelling)


ROWS: Final = [
    good('{"n":3}'),
    respelled('{"note":"ab","n":3}', '{"n":3,"note":"ab"}'),
    bad('{"n":3,"note":"a&b"}'),
    bad('{"a":"<x>"}'),
    bad('{"a":"x\u2028y"}'),
    good('"plain"'),
    good("[3,1,2]"),
    good('{"a":null}'),
    good('{"n":-5}'),
    good('{"\ufffd":1,"\U0001f600":2}'),
    respelled('{"\U0001f600":2,"\ufffd":1}', '{"\ufffd":1,"\U0001f600":2}'),
    bad(r'{"t":"a\nb"}'),
    good(r'{"a":"q\"b"}'),
    good(r'{"a":"a\\b"}'),
    respelled(r'{"a":"a\/b"}', '{"a":"a/b"}'),
    respelled(r'{"s":"\u00e9"}', '{"s":"é"}'),
    good('{"s":"aé"}'),
    good('{"n":9007199254740992}'),
    bad('{"n":9007199254740993}'),
    bad('{"n":12345678901234567890}'),
    bad('{"n":1e30}'),
    respelled('{"n":1e3}', '{"n":1000}'),
    respelled('{"n":3.0}', '{"n":3}'),
    bad('{"n":1.5}'),
    bad('{"a":1,"a":2}'),
    bad('{"a":">"}'),
    bad('{"a":"\u2029"}'),
    bad('{"<":1}'),
    bad('{"a":[{"b":"&"}]}'),
]
"""The last four are not in the table; they follow from the rows above them."""

SPACED: Final = Row('{"n":3, "note":"ab"}', published=True, spelling='{"n":3,"note":"ab"}')
"""Published because the command compacts the file; in metadata the space would be a fault."""

NULL: Final = Row("null", published=True, spelling="")
"""Published, but dropped: a signer that wanted custom data would not get it."""
