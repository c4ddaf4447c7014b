"""The registry: versions, aliases and their history, on SQLite and PostgreSQL, with real competing processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from mlops_runtime.core.blob import BlobStore
from mlops_runtime.core.db import engine
from mlops_runtime.core.errors import DataError, IntegrityError, RegistryError
from mlops_runtime.governance import audit
from mlops_runtime.registry import Bundle, Registry, tables

MakeBundle = Callable[..., Bundle]

_PUSH_ALL = (
    "import sys\n"
    "from mlops_runtime.registry import Bundle, Registry\n"
    "Registry().list()\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
    "for path in sys.argv[2:]:\n"
    "    print(Registry().push(Bundle.open(path), sys.argv[1], alias='newest').version, flush=True)\n"
)


def _pusher(name: str, bundles: list[Bundle]) -> subprocess.Popen[str]:
    paths = [str(bundle.path) for bundle in bundles]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", _PUSH_ALL, name, *paths], **pipes)


def test_pushing_counts_versions_from_one_within_a_name(database: str, make_bundle: MakeBundle) -> None:
    registry = Registry()
    assert [str(registry.push(make_bundle())) for _ in range(3)] == ["claims@1", "claims@2", "claims@3"]
    assert str(registry.push(make_bundle(), "other")) == "other@1"
    assert [version.version for version in registry.versions("claims")] == [1, 2, 3]


def test_pushing_the_same_bundle_again_changes_nothing(database: str, make_bundle: MakeBundle) -> None:
    registry, bundle = Registry(), make_bundle()
    first = registry.push(bundle)
    registry.push(make_bundle())
    before = audit.root()
    assert registry.push(Bundle.open(bundle.path)) == first
    assert audit.root() == before


def test_pushing_sets_an_alias_only_when_asked(database: str, make_bundle: MakeBundle) -> None:
    registry, bundle = Registry(), make_bundle()
    registry.push(bundle)
    assert registry.aliases("claims") == {}
    registry.push(bundle, alias="production", reason="first")
    assert registry.aliases("claims") == {"production": 1}
    assert [move.reason for move in registry.history("claims", "production")] == ["first"]


def test_a_pushed_bundle_opens_after_its_folder_is_gone(database: str, make_bundle: MakeBundle) -> None:
    registry, bundle = Registry(), make_bundle()
    version = registry.push(bundle)
    for path in sorted(bundle.path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    stored = registry.open("claims@1")
    assert (stored.digest, stored.manifest) == (version.digest, bundle.manifest)
    assert stored.read("model.onnx") == b"model bytes"
    assert stored.signature == bundle.signature


def test_the_store_holds_copies_not_links(database: str, home: Path, make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    Registry().push(bundle)
    for entry in bundle.manifest.files:
        stored = BlobStore(home / "blobs").path(entry.sha256)
        assert stored.stat().st_nlink == 1
        assert stored.stat().st_ino != (bundle.path / entry.path).stat().st_ino


def test_a_damaged_store_is_refused_by_version_and_file(database: str, home: Path, make_bundle: MakeBundle) -> None:
    registry, bundle = Registry(), make_bundle()
    registry.push(bundle, alias="production")
    model = BlobStore(home / "blobs").path(bundle.manifest.entry("model.onnx").sha256)
    model.write_bytes(b"model bytez")
    with pytest.raises(IntegrityError, match=r"claims@1, `model\.onnx`: .*expected sha256"):
        registry.open("claims@production")
    registry.push(bundle)
    assert registry.open("claims@production").read("model.onnx") == b"model bytes"


def test_references_resolve_by_version_alias_and_newest(database: str, make_bundle: MakeBundle) -> None:
    registry = Registry()
    for _ in range(3):
        registry.push(make_bundle())
    registry.alias("claims", "production", 2)
    found = [registry.resolve(text).version for text in ("claims", "claims@1", "claims@production")]
    assert found == [3, 1, 2]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("claim", r"expected model `claim`, .*there is: claims, other"),
        ("claims@9", r"expected version 9 of `claims`, .*there is: 1, 2"),
        ("claims@staging", r"expected alias `staging` of `claims`, .*there is: production"),
        ("other@staging", r"expected alias `staging` of `other`, .*there is: nothing"),
        ("claims@", "expected NAME, NAME@VERSION or NAME@ALIAS"),
        ("@production", "expected NAME, NAME@VERSION or NAME@ALIAS"),
        ("claims@1@2", "expected NAME, NAME@VERSION or NAME@ALIAS"),
        ("claims@²", "expected NAME, NAME@VERSION or NAME@ALIAS"),
        ("claims@99999999999999999999", "expected NAME, NAME@VERSION or NAME@ALIAS"),
    ],
)
def test_what_is_unknown_is_answered_with_what_there_is(
    database: str, make_bundle: MakeBundle, reference: str, message: str
) -> None:
    registry = Registry()
    registry.push(make_bundle(), alias="production")
    registry.push(make_bundle())
    registry.push(make_bundle(), "other")
    with pytest.raises(RegistryError, match=message):
        registry.resolve(reference)


def test_an_empty_registry_answers(database: str) -> None:
    assert Registry().list() == {}
    with pytest.raises(RegistryError, match=r"there is: nothing\) — push a bundle"):
        Registry().open("claims")


def test_unusable_names_and_aliases_are_refused(database: str, make_bundle: MakeBundle) -> None:
    registry, bundle = Registry(), make_bundle()
    with pytest.raises(DataError, match="model name: expected"):
        registry.push(bundle, "a@b")
    with pytest.raises(RegistryError, match="numbers are versions"):
        registry.push(bundle, alias="3")
    assert registry.list() == {}


def test_every_move_of_an_alias_is_remembered(database: str, make_bundle: MakeBundle) -> None:
    registry = Registry(actor="amira")
    for _ in range(2):
        registry.push(make_bundle())
    registry.alias("claims", "production", 1, reason="first")
    registry.alias("claims", "production", 2, reason="better recall")
    registry.alias("claims", "production", 2, reason="again, so nothing happens")
    registry.alias("claims", "production", 1)
    moves = registry.history("claims", "production")
    assert [(move.from_version, move.to_version, move.reason) for move in moves] == [
        (None, 1, "first"),
        (1, 2, "better recall"),
        (2, 1, ""),
    ]
    assert {move.actor for move in moves} == {"amira"}
    assert [move.time for move in moves] == sorted(move.time for move in moves)


def test_lineage_is_stored_with_the_version(database: str, make_bundle: MakeBundle) -> None:
    Registry().push(make_bundle())
    with engine().connect() as connection:
        row = connection.execute(sa.select(tables.lineage)).one()
    assert (row.name, row.version) == ("claims", 1)
    assert '"activity":"train"' in row.edge


def test_tenants_do_not_see_each_other(database: str, make_bundle: MakeBundle) -> None:
    Registry(tenant="a").push(make_bundle(), alias="production")
    assert Registry(tenant="b").list() == {}
    with pytest.raises(RegistryError, match="there is: nothing"):
        Registry(tenant="b").open("claims@production")
    assert str(Registry(tenant="b").push(make_bundle())) == "claims@1"


def test_competing_pushers_get_distinct_versions(database: str, make_bundle: MakeBundle) -> None:
    Registry().list()
    groups = [[make_bundle() for _ in range(4)] for _ in range(2)]
    pushers = [_pusher("claims", group) for group in groups]
    for pusher in pushers:
        assert pusher.stdout is not None
        pusher.stdout.readline()
    outputs = [pusher.communicate("go\n", timeout=120)[0] for pusher in pushers]
    assert [pusher.returncode for pusher in pushers] == [0, 0]
    numbers = sorted(int(number) for output in outputs for number in output.split())
    assert numbers == list(range(1, 9))
    assert audit.verify().size == 8


def test_processes_that_start_together_make_one_database(home: Path) -> None:
    command = [sys.executable, "-m", "mlops_runtime.cli", "registry", "list", "--json"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [run.communicate(timeout=60) for run in runs] == [('{"models": []}\n', "")] * 4


def test_a_killed_pusher_leaves_a_consistent_registry(database: str, make_bundle: MakeBundle, soak_factor: int) -> None:
    registry = Registry()
    registry.list()
    attempts = 6 * soak_factor
    for attempt in range(attempts):
        pusher = _pusher("claims", [make_bundle(card=f"# {attempt} {number}") for number in range(6)])
        assert pusher.stdout is not None
        assert pusher.stdin is not None
        pusher.stdout.readline()
        pusher.stdin.write("go\n")
        pusher.stdin.flush()
        for _ in range(attempt % 6):  # by its progress, not by the clock: a loaded machine may be slow
            pusher.stdout.readline()
        time.sleep(0.003 * (attempt % 7))  # into the next push
        pusher.send_signal(signal.SIGKILL)
        pusher.communicate()
        _assert_consistent(registry)
    pushed = registry.push(make_bundle()).version - 1
    assert sum(attempt % 6 for attempt in range(attempts)) <= pushed < 6 * attempts, "what was reported is there"


def _assert_consistent(registry: Registry) -> None:
    """Every version opens whole, the alias points at the newest, and there is one audit entry a version."""
    known = registry.versions("claims") if registry.list() else ()
    assert [version.version for version in known] == list(range(1, len(known) + 1))
    for version in known:
        assert registry.open(str(version)).digest == version.digest
    if known:
        assert registry.aliases("claims") == {"newest": len(known)}
    assert audit.verify().size == len(known)
