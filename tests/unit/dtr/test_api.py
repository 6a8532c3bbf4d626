"""DTR's API: what is asked, how answers are read, and what goes wrong."""

import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from signer.dtr.api import MAX_ANSWER_SIZE, PAGE_SIZE, DtrApi
from signer.errors import AuthError, NetworkError, NotFoundError, SignerError, UsageError
from signer.transport.credentials import Credentials
from tests.unit.dtr.stub import API, HOST, POLICY, SOURCE, TAG, TARGET, StubDtr, scan
from tests.unit.transport.simulated import TokenWorld, make_pool, no_credentials

Question = Callable[[DtrApi], object]

QUESTIONS: list[Question] = [
    lambda api: api.repository(TARGET),
    lambda api: api.tag(TARGET, TAG),
    lambda api: list(api.tags(TARGET)),
    lambda api: api.scan_summary(SOURCE, TAG),
    lambda api: api.promotion_policy(SOURCE, POLICY),
    lambda api: api.promotion_policies(SOURCE),
]


def answering(directory: Path, answer: httpx.Response, question: Question) -> object:
    with make_pool(lambda _request: answer) as pool:
        return question(DtrApi(pool, HOST, credentials=no_credentials(directory)))


def test_a_tag_with_its_promotion(api: DtrApi, dtr: StubDtr) -> None:
    tag = api.tag(TARGET, TAG)
    assert (tag.name, tag.digest) == (TAG, dtr.tags[f"{TARGET}:{TAG}"]["digest"])
    assert (tag.in_notary, tag.hash_mismatch) == (False, False)
    assert tag.promoted is not None
    assert (tag.promoted.policy_id, tag.promoted.source_repository, tag.promoted.source_tag) == (
        POLICY,
        SOURCE,
        TAG,
    )
    assert api.tag(SOURCE, TAG).promoted is None


def test_a_tag_in_an_array_is_the_same(api: DtrApi, dtr: StubDtr) -> None:
    before = api.tag(TARGET, TAG)
    dtr.tags[f"{TARGET}:{TAG}"] = [dtr.tags[f"{TARGET}:{TAG}"]]
    assert api.tag(TARGET, TAG) == before


def test_an_empty_promotion_record_is_none(api: DtrApi, dtr: StubDtr) -> None:
    dtr.tags[f"{TARGET}:{TAG}"]["promotion"] = {
        "promotionPolicyID": "",
        "sourceRepository": "",
        "sourceTag": "",
        "string": "",
    }
    assert api.tag(TARGET, TAG).promoted is None


@pytest.mark.parametrize("found", [[], [{"name": "other"}], {"name": "other"}])
def test_an_answer_about_another_tag_is_none(api: DtrApi, dtr: StubDtr, found: object) -> None:
    dtr.tags[f"{TARGET}:{TAG}"] = found
    with pytest.raises(NetworkError) as caught:
        api.tag(TARGET, TAG)
    assert caught.value.code == "not-a-dtr"


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_another_host_says_is_no_evidence(tmp_path: Path, question: Question) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "elsewhere.example.com":
            return httpx.Response(200, json={"name": "asked for all the same"})
        return httpx.Response(307, headers={"Location": "https://elsewhere.example.com/api"})

    with make_pool(answer) as pool:
        api = DtrApi(pool, HOST, credentials=no_credentials(tmp_path))
        with pytest.raises(NetworkError, match="redirects to another host, elsewhere") as caught:
            question(api)
    assert caught.value.code == "not-a-dtr"


def test_two_answers_about_one_tag_are_none(api: DtrApi, dtr: StubDtr) -> None:
    tag = dtr.tags[f"{TARGET}:{TAG}"]
    dtr.tags[f"{TARGET}:{TAG}"] = [tag, {**tag, "digest": "sha256:" + "0" * 64}]
    with pytest.raises(NetworkError):
        api.tag(TARGET, TAG)


def test_scans_policy_and_repository(api: DtrApi, dtr: StubDtr) -> None:
    (found,) = api.scan_summary(SOURCE, TAG)
    assert (found.last_scan_status, found.critical, found.major, found.minor) == (6, 0, 1, 4)
    assert found.platform is None
    dtr.scans[f"{SOURCE}:{TAG}"] = [scan(os="linux", arch="amd64"), scan(os="linux")]
    assert [entry.platform for entry in api.scan_summary(SOURCE, TAG)] == [
        ("linux", "amd64"),
        None,
    ]
    policy = api.promotion_policy(SOURCE, POLICY)
    assert (policy.id, policy.enabled, policy.target_repository) == (POLICY, True, TARGET)
    dtr.answers[f"{API}/repositories/{TARGET}"] = httpx.Response(
        200, json={"id": "1", "name": "flask", "immutableTags": True, "scanOnPush": False}
    )
    repository = api.repository(TARGET)
    assert (repository.name, repository.immutable_tags) == ("flask", True)
    dtr.answers[f"{API}/repositories/{SOURCE}/promotionPolicies"] = httpx.Response(
        200, json=[dtr.policies[f"{SOURCE}/{POLICY}"]]
    )
    assert api.promotion_policies(SOURCE) == (policy,)


def test_gos_null_for_an_empty_list_is_one(tmp_path: Path) -> None:
    for question in QUESTIONS[2], QUESTIONS[3], QUESTIONS[5]:
        assert answering(tmp_path, httpx.Response(200, content=b"null"), question) in ([], ())


def test_the_password_goes_along_at_once(api: DtrApi, dtr: StubDtr) -> None:
    api.tag(TARGET, TAG)
    (request,) = dtr.asked
    assert str(request.url) == f"https://{HOST}/api/v0/repositories/{TARGET}/tags/{TAG}"
    expected = base64.b64encode(b"admin:worthless-example").decode()
    assert request.headers["Authorization"] == f"Basic {expected}"


def test_an_identity_token_that_the_api_does_not_take_is_told_apart_from_a_password(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.json").write_text(
        f'{{"auths":{{"{HOST}":{{"identitytoken":"identity"}}}}}}'
    )
    refusal = httpx.Response(401, headers={"WWW-Authenticate": 'Basic realm="dtr"'})
    with make_pool(lambda _request: refusal) as pool:
        api = DtrApi(pool, HOST, credentials=Credentials({}, tmp_path))
        with pytest.raises(AuthError, match="identity token") as caught:
            api.tag(TARGET, TAG)
    assert "DTR_PASSWORD" in caught.value.hint


def test_an_identity_token_answers_a_challenge(tmp_path: Path) -> None:
    world = TokenWorld(identity_tokens={"identity"}, scope="")
    (tmp_path / "config.json").write_text(
        f'{{"auths":{{"{HOST}":{{"identitytoken":"identity"}}}}}}'
    )
    with make_pool(world) as pool:
        api = DtrApi(pool, HOST, credentials=Credentials({}, tmp_path))
        with pytest.raises(NetworkError):  # the world answers with something else than a tag
            api.tag(TARGET, TAG)
    assert len(world.issued) == 1


class Pages:
    """Tags in pages, by cursor."""

    def __init__(self, pages: dict[str, tuple[list[str], str | None]]) -> None:
        self.pages = pages
        self.asked: list[httpx.QueryParams] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.params)
        names, cursor = self.pages[request.url.params.get("pageStart", "")]
        headers = {} if cursor is None else {"X-Next-Page-Start": cursor}
        return httpx.Response(200, json=[{"name": name} for name in names], headers=headers)


@pytest.mark.parametrize("end", [None, ""])
def test_tags_are_paged_until_there_is_no_cursor(tmp_path: Path, end: str | None) -> None:
    pages = Pages({"": (["1", "2"], "a b&c"), "a b&c": ([], "last"), "last": (["3"], end)})
    with make_pool(pages) as pool:
        api = DtrApi(pool, HOST, credentials=no_credentials(tmp_path))
        assert [tag.name for tag in api.tags(TARGET)] == ["1", "2", "3"]
    assert [query["pageSize"] for query in pages.asked] == [str(PAGE_SIZE)] * 3
    assert [query.get("pageStart") for query in pages.asked] == [None, "a b&c", "last"]


def test_pages_that_go_in_a_circle_end(tmp_path: Path) -> None:
    pages = Pages({"": (["1"], "a"), "a": (["2"], "b"), "b": (["3"], "a")})
    with make_pool(pages) as pool:
        api = DtrApi(pool, HOST, credentials=no_credentials(tmp_path))
        with pytest.raises(NetworkError, match="circle"):
            list(api.tags(TARGET))


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthError),
        (403, AuthError),
        (404, NotFoundError),
        (500, NetworkError),
        (502, NetworkError),
        (503, NetworkError),
        (429, NetworkError),
        (302, NetworkError),
        (204, NetworkError),
    ],
)
def test_statuses_are_told_apart(
    tmp_path: Path, question: Question, status: int, kind: type[SignerError]
) -> None:
    with pytest.raises(kind) as caught:
        answering(tmp_path, httpx.Response(status), question)
    assert type(caught.value) is kind
    assert HOST in caught.value.message


def test_a_refused_account_is_told_what_it_needs(api: DtrApi, dtr: StubDtr) -> None:
    dtr.answers[f"{API}/repositories/{TARGET}/tags/{TAG}"] = httpx.Response(403)
    with pytest.raises(AuthError) as caught:
        api.tag(TARGET, TAG)
    assert "DTR_PASSWORD" in caught.value.hint
    assert "worthless-example" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "content", [b"", b"<html>login</html>", b"\xff", b"5", b'"x"', b"[" * 100_000, b"[1]"]
)
def test_what_is_no_answer_of_a_dtr_is_a_fault_of_the_server(
    tmp_path: Path, question: Question, content: bytes
) -> None:
    with pytest.raises(NetworkError) as caught:
        answering(tmp_path, httpx.Response(200, content=content), question)
    assert caught.value.code == "not-a-dtr"


@pytest.mark.parametrize(
    ("question", "content"),
    [
        (QUESTIONS[0], {"immutableTags": "yes"}),
        (QUESTIONS[1], {"name": TAG, "digest": 5}),
        (QUESTIONS[1], {"name": TAG, "promotion": {"sourceTag": 66}}),
        (QUESTIONS[2], [{"digest": "no name"}]),
        (QUESTIONS[3], [{"critical": "0"}]),
        (QUESTIONS[3], [{"critical": False}]),
        (QUESTIONS[4], {"enabled": "true"}),
        (QUESTIONS[5], [{"enabled": 1}]),
    ],
)
def test_a_field_of_another_type_spoils_the_answer(
    tmp_path: Path, question: Question, content: object
) -> None:
    with pytest.raises(NetworkError) as caught:
        answering(tmp_path, httpx.Response(200, json=content), question)
    assert caught.value.code == "not-a-dtr"
    assert "`$" in caught.value.message


def test_a_server_that_is_gone_is_a_network_error(tmp_path: Path) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with make_pool(gone) as pool, pytest.raises(NetworkError):
        DtrApi(pool, HOST, credentials=no_credentials(tmp_path)).tag(TARGET, TAG)


@pytest.mark.parametrize(
    "repository",
    ["", "flask", "a/b/c", "admin/..", "../admin", "Admin/x", "a/b?c", "a/b%2e", "a/b:1"],
)
def test_a_name_that_is_none_never_becomes_a_url(
    api: DtrApi, dtr: StubDtr, repository: str
) -> None:
    for ask in (
        lambda: api.repository(repository),
        lambda: api.tag(repository, TAG),
        lambda: list(api.tags(repository)),
        lambda: api.scan_summary(repository, TAG),
        lambda: api.promotion_policies(repository),
        lambda: api.promotion_policy(repository, POLICY),
    ):
        with pytest.raises(UsageError):
            ask()
    assert dtr.asked == []


@pytest.mark.parametrize("text", ["", "..", "a/b", "a?b", "a b", "%2e", "a\n"])
def test_a_tag_or_policy_that_is_none_never_becomes_a_url(
    api: DtrApi, dtr: StubDtr, text: str
) -> None:
    for ask in (
        lambda: api.tag(TARGET, text),
        lambda: api.scan_summary(TARGET, text),
        lambda: api.promotion_policy(SOURCE, text),
    ):
        with pytest.raises(UsageError):
            ask()
    assert dtr.asked == []


def test_plain_http_is_asked_of_loopback_alone(credentials: Credentials) -> None:
    with make_pool(StubDtr(), insecure_http_hosts=frozenset({"localhost:5000"})) as pool:
        api = DtrApi(pool, "localhost:5000", credentials=credentials)
        assert api.base_url == "http://localhost:5000/api/v0"
        assert api.tag(TARGET, TAG).name == TAG


def test_an_answer_without_end_is_a_fault_of_the_server(api: DtrApi, dtr: StubDtr) -> None:
    dtr.tags[f"{TARGET}:{TAG}"]["manifest"] = {"dockerfile": ["x" * MAX_ANSWER_SIZE]}
    with pytest.raises(NetworkError) as caught:
        api.tag(TARGET, TAG)
    assert caught.value.code == "not-a-dtr"
