"""Bundles: what is written comes back; nothing altered, hostile or half-written is ever opened."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import ConfigError, DataError, IntegrityError
from mlops_runtime.data import Column, Schema
from mlops_runtime.governance.signing import sign
from mlops_runtime.registry import Bundle

MakeBundle = Callable[..., Bundle]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _resign(bundle: Bundle, **changes: Any) -> Path:
    """Replace fields of the manifest and sign it properly: what somebody with a key of their own could send."""
    manifest = canonical_json(asdict(bundle.manifest) | changes)
    (bundle.path / "manifest.json").write_bytes(manifest)
    (bundle.path / "signature").write_bytes(sign(manifest).to_bytes())
    return bundle.path


def _entry(bundle: Bundle, **changes: Any) -> list[dict[str, Any]]:
    first, *rest = (asdict(entry) for entry in bundle.manifest.files)
    return [first | changes, *rest]


def test_a_bundle_opens_as_it_was_written(make_bundle: MakeBundle) -> None:
    bundle = Bundle.open(make_bundle().path)
    assert bundle.read("model.onnx") == b"model bytes"
    assert bundle.read("program/tables/city.arrow") == b"arrow bytes"
    assert bundle.read_json("metrics.json") == {"roc_auc": 0.9}
    assert bundle.threshold == 0.3
    assert bundle.schema.names == ("amount", "policy", "city")
    assert bundle.manifest.datasets[0].digest == "d" * 64
    assert bundle.digest == sha256_bytes((bundle.path / "manifest.json").read_bytes())


def test_the_signature_of_the_model_follows_its_columns(make_bundle: MakeBundle) -> None:
    manifest = make_bundle().manifest
    assert [(i.name, i.datatype, i.nullable) for i in manifest.inputs] == [
        ("amount", "FP64", True),
        ("policy", "INT64", False),
        ("city", "BYTES", True),
    ]
    assert [(o.name, o.datatype, o.shape) for o in manifest.outputs] == [
        ("label", "BYTES", ("N",)),
        ("probability", "FP32", ("N", "K")),
    ]


def test_a_regression_bundle_has_one_output_of_numbers(make_bundle: MakeBundle) -> None:
    bundle = make_bundle(task="regression", classes=(), threshold=None)
    assert [(o.name, o.datatype) for o in bundle.manifest.outputs] == [("label", "FP64")]
    assert bundle.threshold is None


def test_the_same_contents_give_the_same_digest(make_bundle: MakeBundle) -> None:
    assert make_bundle(card="same").digest == make_bundle(card="same").digest


def test_thresholds_come_back_bit_for_bit(make_bundle: MakeBundle) -> None:
    threshold = math.nextafter(0.1, 1)
    assert Bundle.open(make_bundle(threshold=threshold).path).threshold == threshold


def test_any_flipped_bit_in_any_file_is_refused_by_name(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    for path in _files(bundle.path):
        content = path.read_bytes()
        for position in range(0, len(content), 1 if len(content) < 500 else 5):
            altered = bytearray(content)
            altered[position] ^= 1 << position % 8
            path.write_bytes(altered)
            with pytest.raises(IntegrityError) as caught:
                Bundle.open(bundle.path)
            assert path.name in str(caught.value)
        path.write_bytes(content)
    Bundle.open(bundle.path)


def test_a_missing_or_grown_or_cut_file_is_refused_by_name(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    for path in _files(bundle.path):
        content = path.read_bytes()
        for altered in (content + b"x", content[:-1], b"", None):
            path.unlink()
            if altered is not None:
                path.write_bytes(altered)
            with pytest.raises(IntegrityError, match=path.name):
                Bundle.open(bundle.path)
            path.write_bytes(content)


def test_a_file_changed_after_opening_is_refused_when_read(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    (bundle.path / "model.onnx").write_bytes(b"model bytez")
    with pytest.raises(IntegrityError, match=r"model\.onnx"):
        bundle.read("model.onnx")


@pytest.mark.parametrize("name", ["extra.bin", "program/extra.bin", ".hidden", "baseline/deep/er/file"])
def test_a_file_the_manifest_does_not_list_is_refused(make_bundle: MakeBundle, name: str) -> None:
    bundle = make_bundle()
    (bundle.path / name).parent.mkdir(parents=True, exist_ok=True)
    (bundle.path / name).write_bytes(b"x")
    with pytest.raises(IntegrityError, match="got a file that is not one of them"):
        Bundle.open(bundle.path)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "signature", "program", "program/tables"])
def test_a_symbolic_link_is_refused_even_to_the_right_bytes(make_bundle: MakeBundle, tmp_path: Path, name: str) -> None:
    bundle = make_bundle()
    (bundle.path / name).rename(tmp_path / "elsewhere")
    (bundle.path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="symbolic link"):
        Bundle.open(bundle.path)


def test_a_fifo_in_place_of_a_file_does_not_hang(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    (bundle.path / "model.onnx").unlink()
    os.mkfifo(bundle.path / "model.onnx")
    with pytest.raises(IntegrityError, match="expected a regular file"):
        Bundle.open(bundle.path)


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "/etc/passwd",
        "a/../../outside",
        "a//b",
        "./a",
        "",
        "a\\b",
        "a\0b",
        "a\nb",
        ".git/config",
        "x" * 300,
    ],
)
def test_a_signed_manifest_with_a_path_that_leads_elsewhere_is_refused(make_bundle: MakeBundle, path: str) -> None:
    bundle = make_bundle()
    with pytest.raises(IntegrityError, match="expected safe names"):
        Bundle.open(_resign(bundle, files=_entry(bundle, path=path)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "expected format_version 1, got 2 — upgrade mlops_runtime"),
        ({"format_version": True}, "expected format_version 1"),
        ({"format_version": "1"}, "expected format_version 1"),
        ({"format_version": 1.5}, "expected format_version 1"),
        ({"name": "../x"}, "expected safe names"),
        ({"task": "ranking"}, "expected a bundle manifest, got `task`"),
        ({"files": "none"}, "expected a bundle manifest, got `files`"),
        ({"threshold": 0.5}, "expected a bundle manifest, got `threshold`"),
        ({"surprise": 1}, "expected canonical JSON"),
    ],
)
def test_a_signed_manifest_of_another_form_is_refused(
    make_bundle: MakeBundle, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(IntegrityError, match=message):
        Bundle.open(_resign(make_bundle(), **changes))


def test_a_signed_manifest_that_lists_a_file_twice_is_refused(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    entries = [asdict(entry) for entry in bundle.manifest.files]
    with pytest.raises(IntegrityError, match="unique file paths"):
        Bundle.open(_resign(bundle, files=[entries[0], *entries]))


@pytest.mark.parametrize("change", [{"sha256": "A" * 64}, {"sha256": "../x"}, {"size": -1}])
def test_a_signed_manifest_with_a_strange_digest_or_size_is_refused(
    make_bundle: MakeBundle, change: dict[str, Any]
) -> None:
    bundle = make_bundle()
    with pytest.raises(IntegrityError, match="expected a SHA-256 and a size"):
        Bundle.open(_resign(bundle, files=_entry(bundle, **change)))


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"format_version":1,"format_version":1}'],
    ids=["empty", "list", "null", "not UTF-8", "deep", "duplicate keys"],
)
def test_a_signed_manifest_that_is_no_manifest_is_refused(make_bundle: MakeBundle, content: bytes) -> None:
    bundle = make_bundle()
    (bundle.path / "manifest.json").write_bytes(content)
    (bundle.path / "signature").write_bytes(sign(content).to_bytes())
    with pytest.raises(IntegrityError, match=r"manifest\.json: expected"):
        Bundle.open(bundle.path)


@pytest.mark.parametrize("name", ["manifest.json", "signature", "model.onnx"])
def test_a_giant_file_is_refused_without_reading_it(make_bundle: MakeBundle, name: str) -> None:
    bundle = make_bundle()
    with (bundle.path / name).open("r+b") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(IntegrityError, match=f"{name}: expected at most"):
        Bundle.open(bundle.path)


def test_no_directory_and_no_bundle_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a bundle directory, got nothing"):
        Bundle.open(tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="expected a bundle directory, got a file"):
        Bundle.open(tmp_path / "file")
    with pytest.raises(IntegrityError, match=r"manifest\.json: expected a readable file"):
        Bundle.open(tmp_path)


def test_reading_an_unlisted_name_says_what_there_is(make_bundle: MakeBundle) -> None:
    with pytest.raises(DataError, match=r"model\.onnx"):
        make_bundle().read("../../etc/passwd")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "no spaces please"}, "model name: expected"),
        ({"classes": ("one",)}, "expected 2 classes for a binary task, got 1"),
        ({"threshold": None}, "expected a threshold for binary tasks only"),
        ({"task": "regression"}, "expected no classes for a regression task, got 2"),
        ({"metrics": {"auc": math.nan}}, r"metrics\.json: expected plain JSON values"),
        ({"metrics": {"auc": object()}}, r"metrics\.json: expected plain JSON values"),
        ({"extra": {"../x": b""}}, "bundle file name: expected a plain relative path"),
        ({"extra": {"model.onnx": b""}}, "expected new names in `extra`"),
        ({"extra": {"manifest.json": b""}}, "expected new names in `extra`"),
    ],
)
def test_contents_that_cannot_be_written_leave_nothing(
    make_bundle: MakeBundle, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        make_bundle(**changes)
    assert not list(tmp_path.glob("*bundle-*"))


def test_column_names_of_any_script_travel(make_bundle: MakeBundle) -> None:
    schema = Schema((Column("العمر", "number"), Column('a/b "c"', "string")))
    assert Bundle.open(make_bundle(schema=schema, extra={"notes/ملاحظة.txt": b"x"}).path).schema == schema


def test_an_existing_place_is_not_overwritten(make_bundle: MakeBundle, tmp_path: Path) -> None:
    first = make_bundle()
    first.path.rename(tmp_path / "bundle-1")  # where the next one goes
    with pytest.raises(ConfigError, match="exists already"):
        make_bundle()
    assert Bundle.open(tmp_path / "bundle-1").digest == first.digest


def test_a_bundle_that_does_not_fit_leaves_nothing(make_bundle: MakeBundle, tmp_path: Path) -> None:
    source = make_bundle()
    code = (
        "import resource, sys\n"
        "from mlops_runtime.core.durable import durable_directory\n"
        "from mlops_runtime.core.errors import ConfigError\n"
        "from mlops_runtime.registry import Bundle, Registry\n"
        "bundle, registry = Bundle.open(sys.argv[1]), Registry()\n"
        "registry.list()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))\n"
        "try:\n"
        "    registry.push(bundle)\n"
        "except ConfigError as error:\n"
        "    print(error); sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(source.path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 7, done.stderr
    assert "nothing was changed" in done.stdout
    listed = subprocess.run(
        [sys.executable, "-m", "mlops_runtime.cli", "registry", "list", "--json"], capture_output=True, timeout=60
    )
    assert json.loads(listed.stdout) == {"models": []}
