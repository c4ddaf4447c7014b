"""One served version of a model: its bundle made runnable, its signature, and the watch over its traffic."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mlops_runtime.core.settings import settings
from mlops_runtime.data import conform
from mlops_runtime.features.online import OnlineStore
from mlops_runtime.monitoring import DriftReport
from mlops_runtime.monitoring.performance.estimate import estimate_counts
from mlops_runtime.monitoring.performance.measured import Measured
from mlops_runtime.registry import Bundle, Manifest, Model, Scores
from mlops_runtime.serving.example import example_request
from mlops_runtime.serving.online import Lookup, OnlineInputs
from mlops_runtime.serving.request import InferRequest, RequestLimits, parse_request
from mlops_runtime.serving.response import Answer
from mlops_runtime.serving.signature import Signature, TensorSpec
from mlops_runtime.serving.watch import DriftWatch

__all__ = ["ServedVersion"]

_PLATFORM = "mlops_runtime_bundle"


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A version that answers requests. Immutable but for its watch; safe to share between threads."""

    name: str
    version: str
    model: Model
    signature: Signature
    online: OnlineInputs
    watch: DriftWatch

    @classmethod
    def load(cls, name: str, version: str, bundle: Bundle, stores: Sequence[OnlineStore]) -> ServedVersion:
        """Load a verified bundle and score one typical row, uncounted: nothing is set up while a client waits.

        stores: where inputs may come from that a request does not carry.
        Raises MlrtError when a part of the bundle cannot be used, when it cannot score that row, or when a store does
        not fit it.
        """
        model = Model.load(bundle)
        together = bundle.multivariate if settings().windows_multivariate else None
        watch = DriftWatch(bundle.baseline, model.classes, {"model": name, "version": version}, together)
        online = OnlineInputs(stores, model.schema)
        served = cls(name, version, model, _signature(bundle.manifest), online, watch)
        request = parse_request(json.dumps(example_request(bundle)).encode(), None, RequestLimits())
        model.score_conformed(served.inputs(request))
        return served

    @property
    def digest(self) -> str:
        """The digest of the bundle that answers."""
        return self.model.bundle.digest

    def inputs(self, request: InferRequest) -> pa.Table:
        """Turn a request into cleaned columns, by the same `conform` as training. Raises DataError naming the input."""
        table = conform(self.signature.table(request), self.model.schema, where="request")
        self.signature.refuse_missing(table)
        return table

    def answer(self, scores: Scores, request_id: str, lookups: Sequence[Lookup]) -> Answer:
        """Name what was scored: outputs, the digests of the bundle and the program that made them, and rows found."""
        outputs: dict[str, Any] = {"label": scores.label, "probability": scores.probability}
        parameters: dict[str, str | int] = {
            "bundle_digest": self.digest,
            "program_digest": self.model.program.digest,
            **{f"online_found_{lookup.view}": lookup.found for lookup in lookups},
        }
        return Answer(self.name, self.version, request_id, parameters, outputs)

    def verdict(self) -> dict[str, Any]:
        """Return what the log says when this version stops: how many rows it scored, and whether they had drifted."""
        dataset = self.watch.report().dataset
        return {"model": self.name, "version": self.version, "rows": dataset.n_current, "drifted": dataset.drifted}

    def estimates(self, report: DriftReport) -> list[Measured]:
        """Estimate what the labels of a report's rows will say."""
        estimator = self.model.bundle.estimator
        if estimator is None:
            return []
        summaries = {column.name: column.current for column in report.columns}
        return estimate_counts(estimator, summaries, self.model.classes)

    def metadata(self, versions: list[str]) -> dict[str, Any]:
        """Return the Open Inference Protocol's model metadata; `versions` are all that are served under this name."""
        return {
            "name": self.name,
            "versions": versions,
            "platform": _PLATFORM,
            "inputs": [
                *(
                    {
                        "name": spec.name,
                        "datatype": spec.datatype,
                        "shape": list(spec.shape),
                        "parameters": self._about(spec),
                    }
                    for spec in self.signature.inputs
                ),
                *self.online.key_metadata(),
            ],
            "outputs": [
                {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}
                for spec in self.signature.outputs
            ],
            "parameters": {
                "bundle_digest": self.digest,
                "program_digest": self.model.program.digest,
                "task": self.model.task,
                "classes": list(self.model.classes),
            },
        }

    def _about(self, spec: TensorSpec) -> dict[str, Any]:
        view = self.online.view_of(spec.name)
        return {"nullable": spec.nullable} if view is None else {"nullable": spec.nullable, "online_view": view}


def _signature(manifest: Manifest) -> Signature:
    sizes = {"N": -1, "K": len(manifest.classes)}
    return Signature(
        inputs=tuple(TensorSpec(entry.name, entry.datatype, nullable=entry.nullable) for entry in manifest.inputs),
        outputs=tuple(
            TensorSpec(entry.name, entry.datatype, tuple(sizes[size] for size in entry.shape))
            for entry in manifest.outputs
        ),
    )
