import pytest

from signer.errors import GateError
from signer.names import ImageReference
from signer.signing.allow import check_allowed


def _check(image: str, *, host: str = "", allow: list[str] | None = None) -> None:
    check_allowed(ImageReference.parse(image), host=host, allow=allow)


@pytest.mark.parametrize(
    ("pattern", "image"),
    [
        ("admin/*", "dtr.test/admin/flask:1"),
        ("admin/flask", "dtr.test/admin/flask:1"),
        ("admin/fl*k", "dtr.test/admin/flask:1"),
        ("*/flask", "dtr.test/admin/flask:1"),
        ("**", "dtr.test/admin/a/b:1"),
        ("admin/**", "dtr.test/admin/a/b:1"),
        ("**/flask", "dtr.test/a/b/flask:1"),
    ],
)
def test_a_pattern_admits(pattern: str, image: str) -> None:
    _check(image, allow=["other/none", pattern])


@pytest.mark.parametrize(
    ("pattern", "image"),
    [
        ("admin/*", "dtr.test/admin/a/b:1"),
        ("admin/*", "dtr.test/xadmin/flask:1"),
        ("admin/*", "dtr.test/x/admin/flask:1"),
        ("admin/flask", "dtr.test/admin/flask2:1"),
        ("admin/flask", "dtr.test/admin/flask/x:1"),
        ("admin.x/*", "dtr.test/adminax/flask:1"),
        ("[a-z]*/*", "dtr.test/admin/flask:1"),
        ("dtr.test/admin/*", "dtr.test/admin/flask:1"),
        ("*", "dtr.test/admin/flask:1"),
        ("", "dtr.test/admin/flask:1"),
        ("admin/(.*)", "dtr.test/admin/flask:1"),
    ],
)
def test_patterns_are_anchored_and_a_star_stays_within_a_component(
    pattern: str, image: str
) -> None:
    with pytest.raises(GateError) as caught:
        _check(image, allow=[pattern])
    assert caught.value.code == "not-allowed"
    assert image.rpartition(":")[0] in caught.value.message


def test_no_list_admits_all_and_an_empty_one_nothing() -> None:
    _check("dtr.test/admin/flask:1")
    with pytest.raises(GateError):
        _check("dtr.test/admin/flask:1", allow=[])


@pytest.mark.parametrize("host", ["dtr.test:443", "dtr.tes", "xdtr.test", "test", "docker.io"])
def test_only_the_named_host_is_signed_for(host: str) -> None:
    _check("dtr.test/admin/flask:1", host="dtr.test")
    with pytest.raises(GateError, match="only images of"):
        _check("dtr.test/admin/flask:1", host=host)
