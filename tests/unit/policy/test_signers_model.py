"""Step 12 against a model of a few lines: whoever signed what, the answer is the model's."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.keys import GUN, bare
from tests.attacks.simulator import DIGEST, OTHER, RELEASES, SimulatedCollection
from tests.unit.policy.material import Scene

SIGNERS = ("gitlab", "alice", "carol")
TEAMS = {"ci": ("gitlab",), "people": ("alice", "carol")}
_numbers = count()


@dataclass(frozen=True)
class _State:
    """What a delegation holds: whose keys it lists, which of these signed, and the tag's digest."""

    listed: frozenset[str]
    signed: frozenset[str]
    digest: str | None


_KEYS = st.frozensets(st.sampled_from([*SIGNERS, "intruder"]), min_size=1, max_size=3)
_STATES = st.builds(
    lambda listed, some, digest: _State(listed, (listed & some) or listed, digest),
    _KEYS,
    _KEYS,
    st.sampled_from([DIGEST, DIGEST, DIGEST, OTHER, None]),
)
_ROLES = st.dictionaries(st.sampled_from([*SIGNERS, "other", "gitlab/deep"]), _STATES, max_size=4)


def _accepted(
    roles: Mapping[str, _State], names: tuple[str, ...], wanted: int, teams: tuple[str, ...]
) -> bool:
    """The model: the image is released with ``DIGEST``."""
    good = {name: state.signed for name, state in roles.items() if state.digest == DIGEST}
    signers = [name for name in names if name in good.get(name, ())]
    first_level = [signed for name, signed in good.items() if "/" not in name]
    return len(signers) >= wanted and all(
        any(member in signed for member in TEAMS[team] for signed in first_level) for team in teams
    )


@settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))
@given(
    roles=_ROLES,
    names=st.lists(st.sampled_from(SIGNERS), unique=True, max_size=3).map(tuple),
    threshold=st.integers(0, 3),
    teams=st.lists(st.sampled_from(sorted(TEAMS)), unique=True, max_size=2).map(tuple),
)
def test_the_verdict_is_the_models(
    tmp_path: Path,
    roles: Mapping[str, _State],
    names: tuple[str, ...],
    threshold: int,
    teams: tuple[str, ...],
) -> None:
    directory = tmp_path / str(next(_numbers))
    directory.mkdir()
    server = SimulatedCollection(GUN)
    server.delegate(RELEASES, [bare(f"{GUN} {name}") for name in SIGNERS])
    server.sign_tag(RELEASES, "1", DIGEST)
    reachable = {
        name: state for name, state in sorted(roles.items()) if "/" not in name or "gitlab" in roles
    }
    for name, state in reachable.items():
        role = f"targets/{name}"
        server.delegate(role, [bare(f"{GUN} {one}") for one in sorted(state.listed)])
        server.signers[role] = [bare(f"{GUN} {one}") for one in sorted(state.signed)]
        if state.digest:
            server.sign_tag(role, "1", state.digest)
    server.publish(*server.content)
    limit = f", threshold: {threshold}" if 1 <= threshold <= len(names) else ""
    required = f"signers: [{', '.join(names)}]{limit}, teams: [{', '.join(teams)}]"
    line = f"require: {{released: true, {required}}}"
    declared = "teams:\n  ci: [gitlab]\n  people: [alice, carol]\n"
    verdict = Scene(server, directory).by(line, names=SIGNERS, teams=declared)
    wanted = threshold if limit else len(names)
    expected = _accepted(reachable, names, wanted, teams)
    assert (verdict.verdict == "accept") == expected, verdict.reason
    assert (verdict.digest == DIGEST) == expected
