"""The worthless keys of ``keys-example/`` sign nothing real."""

from pathlib import Path

import pytest

from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError
from signer.keys.example import EXAMPLE_KEY_IDS, is_loopback, refuse_example_key
from signer.keys.pem import decode_private_key, parse_blocks

EXAMPLES = Path(__file__).parents[3] / "keys-example"
(EXAMPLE_ID,) = EXAMPLE_KEY_IDS


def test_the_ids_are_those_of_all_private_keys_in_the_directory() -> None:
    found = {
        NotaryKey.from_public_key(decode_private_key(block, None).public_key()).keyid
        for path in EXAMPLES.rglob("*")
        if path.is_file()
        for block in parse_blocks(path.read_bytes(), origin=path.name)
        if block.private
    }
    assert found == EXAMPLE_KEY_IDS


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:5000", "LOCALHOST", "127.0.0.1", "127.8.9.1:443", "::1", "[::1]:443"],
)
def test_examples_work_on_this_machine(host: str) -> None:
    assert is_loopback(host)
    refuse_example_key(EXAMPLE_ID, host)


@pytest.mark.parametrize(
    "host",
    [
        "dtr.example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "10.0.0.1:5000",
        "0.0.0.0",  # noqa: S104 - a name to be refused; nothing listens
        "[::]:443",
        "",
        "2130706433",
    ],
)
def test_examples_are_refused_for_every_other_host(host: str) -> None:
    with pytest.raises(KeyUnusableError, match="worthless example") as caught:
        refuse_example_key(EXAMPLE_ID, host)
    assert caught.value.exit_code == 8
    refuse_example_key("0" * 64, host)


def test_the_readme_says_that_the_keys_are_worthless() -> None:
    readme = (EXAMPLES / "README.md").read_text()
    assert readme.startswith("# WORTHLESS KEYS.")
    assert EXAMPLE_ID in readme
