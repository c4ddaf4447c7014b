"""The bundle: one directory with model, feature program, baseline and evidence, hashed and signed as one thing.

    manifest.json  signature  model.onnx  program/  baseline/  metrics.json  gates.json  lineage.json  card.md

Nothing is parsed before its hash is verified; no path from a file reaches `open` unchecked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_runtime.core.blob import read_regular, read_verified
from mlops_runtime.core.digest import from_hex_float, hex_float, sha256_bytes
from mlops_runtime.core.durable import durable_directory
from mlops_runtime.core.errors import DataError, IntegrityError
from mlops_runtime.core.lineage import Edge
from mlops_runtime.data.schema import ColumnKind
from mlops_runtime.governance.signing import Signature, sign, verify
from mlops_runtime.registry.manifest import (
    DatasetRef,
    FileEntry,
    Input,
    Manifest,
    Output,
    RequestType,
    Task,
    check_file_name,
    check_name,
)

if TYPE_CHECKING:  # so that listing a registry loads no feature or monitoring code
    from mlops_runtime.data import Column, Schema
    from mlops_runtime.features import FeatureProgram
    from mlops_runtime.monitoring import Baseline
    from mlops_runtime.monitoring.multivariate import MultivariateReference
    from mlops_runtime.monitoring.performance.estimate import Estimator

__all__ = ["MANIFEST", "SIGNATURE", "Bundle", "BundleContents", "write_bundle"]

MANIFEST = "manifest.json"
SIGNATURE = "signature"

_MANIFEST_LIMIT_BYTES = 16 << 20
_SIGNATURE_LIMIT_BYTES = 4096
_KINDS = {
    "model.onnx": "model",
    "metrics.json": "metrics",
    "gates.json": "gates",
    "lineage.json": "lineage",
    "card.md": "card",
}
_DATATYPES: dict[ColumnKind, RequestType] = {
    "number": "FP64",
    "integer": "INT64",
    "string": "BYTES",
    "timestamp": "BYTES",  # ISO 8601
    "string_list": "BYTES",  # a JSON array in each element
    "integer_list": "BYTES",
}


@dataclass(frozen=True, slots=True)
class BundleContents:
    """Everything that goes into a bundle.

    classes: in the order of the model's output columns, empty for regression. threshold: on the probability of
    `classes[1]`, binary only. metrics, gates: plain JSON values, numbers finite. estimator: of performance before
    labels arrive, multivariate: of the inputs together, where there were rows enough to fit them on. extra: more files
    by relative path.
    """

    name: str
    task: Task
    model_kind: str
    target: str
    classes: tuple[str, ...]
    threshold: float | None
    schema: Schema
    model_onnx: bytes
    program: FeatureProgram
    baseline: Baseline
    metrics: Mapping[str, Any]
    gates: Mapping[str, Any]
    card: str
    lineage: tuple[Edge, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    estimator: Estimator | None = None
    multivariate: MultivariateReference | None = None
    extra: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name)
        expected = {"binary": "2 classes", "multiclass": "at least 2 classes", "regression": "no classes"}[self.task]
        count = len(self.classes)
        if not {"binary": count == 2, "multiclass": count >= 2, "regression": count == 0}[self.task]:
            raise DataError(f"bundle `{self.name}`: expected {expected} for a {self.task} task, got {count}")
        if (self.threshold is not None) != (self.task == "binary"):
            raise DataError(f"bundle `{self.name}`: expected a threshold for binary tasks only, got {self.threshold}")


class Bundle:
    """A verified bundle. Get one from `Bundle.open` (a directory) or `Registry.open` (the store).

    path: the bundle's directory, or its manifest in the blob store.
    """

    def __init__(self, path: Path, manifest: bytes, signature: bytes, fetch: Callable[[FileEntry], bytes]) -> None:
        self.path = path
        self.digest = sha256_bytes(manifest)
        self.signature: Signature = verify(manifest, signature, where=f"{path}: {SIGNATURE}", what=MANIFEST)
        self.manifest = Manifest.from_bytes(manifest, where=f"{path}: {MANIFEST}")
        self.manifest_bytes = manifest
        self.signature_bytes = signature
        self._fetch = fetch

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Open a bundle directory after verifying the signature, the manifest and every file's SHA-256.

        Raises DataError when there is no directory at `path`, IntegrityError, naming the file, when a bit differs.
        """
        root = Path(path)
        if not root.is_dir():
            got = "a file" if root.exists() else "nothing"
            raise DataError(f"{root}: expected a bundle directory, got {got} — write one with `mlrt train … -o {root}`")
        manifest = read_regular(root / MANIFEST, limit=_MANIFEST_LIMIT_BYTES)
        signature = read_regular(root / SIGNATURE, limit=_SIGNATURE_LIMIT_BYTES)
        bundle = cls(root, manifest, signature, lambda e: read_verified(root / e.path, e.sha256, size=e.size))
        _refuse_strangers(root, {MANIFEST, SIGNATURE, *(entry.path for entry in bundle.manifest.files)})
        bundle.verify()
        return bundle

    def verify(self) -> None:
        """Read every file again and check its SHA-256. Raises IntegrityError naming the first that differs."""
        for entry in self.manifest.files:
            self._fetch(entry)

    def read(self, name: str) -> bytes:
        """Return one file's bytes, verified at this moment. Raises DataError when the bundle has no such file."""
        return self._fetch(self.manifest.entry(name))

    def read_json(self, name: str) -> dict[str, Any]:
        """Return one JSON file (`metrics.json`, `gates.json`, `lineage.json`), verified and parsed."""
        value: dict[str, Any] = json.loads(self.read(name))
        return value

    def __repr__(self) -> str:
        return f"Bundle({self.manifest.name!r}, {self.manifest.task}, sha256:{self.digest[:16]}, {str(self.path)!r})"

    @property
    def threshold(self) -> float | None:
        """The decision threshold on the probability of `classes[1]`; None unless the task is binary."""
        text = self.manifest.threshold
        return None if text is None else from_hex_float(text)

    @cached_property
    def schema(self) -> Schema:
        """The raw input columns."""
        from mlops_runtime.data import Schema

        return Schema.from_dict(self.manifest.schema)

    @cached_property
    def program(self) -> FeatureProgram:
        """The fitted feature program."""
        from mlops_runtime.features import FeatureProgram

        program = FeatureProgram.from_files(self._folder("program"))
        if program.digest != self.manifest.program:
            expected, got = self.manifest.program[:16], program.digest[:16]
            raise IntegrityError(f"{self.path}: expected program {expected}…, got {got}… — train it again")
        return program

    @cached_property
    def baseline(self) -> Baseline:
        """The statistics of the data the model learned from."""
        from mlops_runtime.monitoring import Baseline

        return Baseline.from_files(self._folder("baseline"))

    @cached_property
    def estimator(self) -> Estimator | None:
        """What estimates the model's performance before labels arrive; None in bundles made without it."""
        from mlops_runtime.monitoring.performance.estimate import ESTIMATOR_FILE, estimator_of

        files = self._folder("baseline")
        return estimator_of(files) if ESTIMATOR_FILE in files else None

    @cached_property
    def multivariate(self) -> MultivariateReference | None:
        """What drift of all inputs together is told by; None in bundles made without it."""
        from mlops_runtime.monitoring.multivariate import MULTIVARIATE_FILE, MultivariateReference

        files = self._folder("baseline")
        return MultivariateReference.from_files(files) if MULTIVARIATE_FILE in files else None

    def _folder(self, name: str) -> dict[str, bytes]:
        prefix = f"{name}/"
        return {e.path.removeprefix(prefix): self._fetch(e) for e in self.manifest.files if e.path.startswith(prefix)}


def write_bundle(path: Path | str, contents: BundleContents) -> Bundle:
    """Write a bundle to a new directory, durably and whole, sign it, and open it again.

    Raises ConfigError when `path` exists or cannot be written, CapacityError when the disk is full, DataError when the
    contents cannot be written as they are; nothing is left at `path` then.
    """
    files = _files(contents)
    manifest = _manifest(contents, files).to_bytes()
    documents = {MANIFEST: manifest, SIGNATURE: sign(manifest).to_bytes()}
    with durable_directory(Path(path)) as scratch:
        for name, data in (files | documents).items():
            target = scratch / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    return Bundle.open(path)


def _files(contents: BundleContents) -> dict[str, bytes]:
    lineage = {"edges": [edge.to_dict() for edge in contents.lineage], "facts": dict(contents.facts)}
    files = {
        "model.onnx": contents.model_onnx,
        "metrics.json": _json("metrics.json", contents.metrics),
        "gates.json": _json("gates.json", contents.gates),
        "lineage.json": _json("lineage.json", lineage),
        "card.md": contents.card.encode(),
    }
    files |= {f"program/{name}": data for name, data in contents.program.to_files().items()}
    files |= {f"baseline/{name}": data for name, data in contents.baseline.to_files().items()}
    if contents.estimator is not None:
        from mlops_runtime.monitoring.performance.estimate import estimator_files

        files |= {f"baseline/{name}": data for name, data in estimator_files(contents.estimator).items()}
    if contents.multivariate is not None:
        files |= {f"baseline/{name}": data for name, data in contents.multivariate.to_files().items()}
    taken = sorted({*files, MANIFEST, SIGNATURE} & set(contents.extra))
    if taken:
        raise DataError(
            f"bundle `{contents.name}`: expected new names in `extra`, got {', '.join(taken)} — rename them"
        )
    return {check_file_name(name): data for name, data in sorted((files | dict(contents.extra)).items())}


def _json(name: str, value: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, indent=2, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name}: expected plain JSON values, got {error} — write None for an undefined number"
        ) from error
    return (text + "\n").encode()


def _manifest(contents: BundleContents, files: Mapping[str, bytes]) -> Manifest:
    sources = {edge.input for edge in contents.lineage if edge.input.kind == "dataset"}
    return Manifest(
        name=contents.name,
        task=contents.task,
        model_kind=contents.model_kind,
        target=contents.target,
        classes=contents.classes,
        threshold=None if contents.threshold is None else hex_float(contents.threshold),
        schema=contents.schema.to_dict(),
        inputs=tuple(_input(column) for column in contents.schema.columns),
        outputs=_outputs(contents.task),
        program=contents.program.digest,
        datasets=tuple(DatasetRef(s.name, s.digest) for s in sorted(sources, key=lambda s: (s.name, s.digest))),
        files=tuple(FileEntry(path, _kind(path), sha256_bytes(data), len(data)) for path, data in files.items()),
    )


def _input(column: Column) -> Input:
    datatype = _DATATYPES[column.kind]
    return Input(column.name, datatype, column.kind, nullable=column.nullable and datatype != "INT64")


def _outputs(task: Task) -> tuple[Output, ...]:
    if task == "regression":
        return (Output("label", "FP64", ("N",)),)
    return (Output("label", "BYTES", ("N",)), Output("probability", "FP32", ("N", "K")))


def _kind(path: str) -> str:
    folder = path.partition("/")[0]
    return folder if folder in ("program", "baseline") else _KINDS.get(path, "extra")


def _refuse_strangers(root: Path, expected: set[str]) -> None:
    """Raise IntegrityError for the first link, or file that the manifest does not list, anywhere under `root`."""
    for folder in os.walk(root):
        for path in (Path(folder[0], name) for name in folder[1] + folder[2]):
            relative = str(path.relative_to(root))
            if path.is_symlink() or (path.name in folder[2] and relative not in expected):
                got = "a symbolic link" if path.is_symlink() else "a file that is not one of them"
                raise IntegrityError(
                    f"{path}: expected the files {MANIFEST} lists and no others, got {got} — remove it"
                )
