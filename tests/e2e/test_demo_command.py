"""``signer demo``: the whole supply chain on the embedded DTR."""

from pathlib import Path

from tests.components.signer_cli import SignerCli


def test_the_demonstration_ends_well_and_its_refusals_are_real(tmp_path: Path) -> None:
    signer = SignerCli(tmp_path / "signer", passphrase=None)
    shown = signer("demo").stdout
    assert shown.rstrip().endswith("Every step ended as it should.")
    assert shown.count("[exit code 3]") == 3
    assert shown.count("[exit code 10]") == 1
    assert "promotion-record" in shown
    assert "registry-differs" in shown
    assert "the digest was put in, and the comment kept" in shown
    assert not list(signer.home.glob("docker/trust/private/*"))


def test_the_demonstration_is_told_as_json(tmp_path: Path) -> None:
    steps = SignerCli(tmp_path / "signer", passphrase=None).json("demo")["steps"]
    assert [step["outcomes"] for step in steps if "forges" in step["step"]] == [
        ["signer sign --event forged.json: exit code 10"]
    ]
    assert len(steps) == 10
