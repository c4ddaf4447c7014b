"""The multivariate reference: fitted once on a sample of the reference rows, serialisable, shared by its monitors."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import ConfigError, EmptyInputError, SchemaError, problem
from mlops_runtime.monitoring.multivariate.components import Components, rounded
from mlops_runtime.monitoring.multivariate.encoding import Encoding
from mlops_runtime.monitoring.multivariate.fourier import FourierFeatures
from mlops_runtime.monitoring.multivariate.report import MIN_ROWS
from mlops_runtime.monitoring.multivariate.table_sample import MOST_ROWS, TableSample
from mlops_runtime.monitoring.multivariate.tally import Tally
from mlops_runtime.monitoring.state.arrays import array_of, plain
from mlops_runtime.monitoring.state.table import as_table

__all__ = ["MULTIVARIATE_FILE", "MultivariateReference"]

F64 = NDArray[np.float64]
I16 = NDArray[np.int16]

FORMAT_VERSION = 1
MULTIVARIATE_FILE = "multivariate.json"
_SAMPLE_ROWS = 2048
_RETAINED_SHARE = 0.65


@dataclass(frozen=True, eq=False)
class MultivariateReference:
    """encoding, components, features: how a row is measured. The rest: what the reference rows measured.

    residuals: of the half of the rows that neither the encoding nor the components were fitted on, so that new rows are
    like them: what was fitted on a row is chosen to suit it.
    feature_sums, feature_covariance: int64[k], float64[k, k] over `rows` rows; feature_variances: its eigenvalues.
    sample: int16[s, width], of the same half, for the classifier.
    """

    encoding: Encoding
    components: Components
    features: FourierFeatures
    rows: int
    residuals: Tally
    feature_sums: NDArray[np.int64]
    feature_covariance: F64
    feature_variances: F64
    sample: I16
    seed: int

    @classmethod
    def fit(
        cls, data: object, *, categorical: Collection[str] = (), seed: int = 0, most_rows: int = MOST_ROWS
    ) -> MultivariateReference:
        """Fit on reference data, an Arrow-able object or batches of one schema, read once: on a random `most_rows`.

        The same rows, seed and NumPy give the same reference, however they are cut into batches. categorical: columns
        of integers or booleans that are names. Raises EmptyInputError for fewer than 30 rows, SchemaError for data
        without a column of numbers or strings, or with too many (see `Encoding.fit`), ConfigError for an unusable seed,
        `most_rows` or `categorical`.
        """
        if seed < 0 or most_rows < MIN_ROWS:
            got = f"seed {seed}, most_rows {most_rows}"
            expected = f"a seed of 0 or more, {MIN_ROWS} rows or more"
            raise ConfigError(problem(expected=expected, got=got, where="fit", next_step="leave the defaults"))
        sample = TableSample(most_rows, seed=seed)
        several = isinstance(data, Iterable) and not hasattr(data, "__arrow_c_stream__")
        for batch in cast("Iterable[object]", data) if several else (data,):
            sample.offer(as_table(batch))
        return cls.of_sample(sample.table(), categorical=categorical, seed=seed)

    @classmethod
    def of_sample(cls, sample: pa.Table, *, categorical: Collection[str] = (), seed: int = 0) -> MultivariateReference:
        """Fit on random rows of the reference data, in random order (`TableSample`). Raises as `fit`."""
        rows = sample.num_rows
        if rows < MIN_ROWS:
            expected, next_step = f"{MIN_ROWS} reference rows or more", "use a longer window"
            raise EmptyInputError(problem(expected=expected, got=str(rows), where="fit", next_step=next_step))
        encoding = Encoding.fit(sample[: rows // 2], categorical=categorical)
        return cls._of_rows(encoding, encoding.encode(sample), np.random.default_rng(seed), seed)

    @classmethod
    def _of_rows(cls, encoding: Encoding, rows: I16, rng: np.random.Generator, seed: int) -> MultivariateReference:
        half = len(rows) // 2
        components = Components.fit(rows[:half], share=_RETAINED_SHARE)
        features = FourierFeatures.fit(rows, rng)
        covariance = features.covariance(rows)
        return cls(
            encoding=encoding,
            components=components,
            features=features,
            rows=len(rows),
            residuals=Tally().add(components.residuals(rows[half:])),
            feature_sums=features.sums(rows),
            feature_covariance=covariance,
            feature_variances=rounded(np.maximum(np.linalg.eigvalsh(covariance), 0.0)),
            sample=rows[half:][:_SAMPLE_ROWS].copy(),
            seed=seed,
        )

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of its file: what counts against it can be told by."""
        return sha256_bytes(self.to_files()[MULTIVARIATE_FILE])

    def row_distances(self, table: object) -> F64:
        """Return float64[rows]: how far each row of an Arrow-able table lies from the reference, in deviations.

        The Mahalanobis distance in up to 64 principal components, with what they leave of a row as one more coordinate;
        its square is `components.degrees` on average without drift, and about chi-square for normal data. Raises
        SchemaError for a column that is missing or of another kind. Source: Jackson and Mudholkar, Technometrics 21
        (1979).
        """
        return self.components.distances(self.encoding.encode(as_table(table)))

    def known_distances(self) -> F64:
        """Return float64[s], the distances of up to 2,048 reference rows on which they were not fitted."""
        return self.components.distances(self.sample)

    def to_files(self) -> dict[str, bytes]:
        """Return the files a bundle stores; the same reference gives the same bytes."""
        document = {
            "format_version": FORMAT_VERSION,
            "columns": self.encoding.to_dict(),
            "components": self.components.to_dict(),
            "features": self.features.to_dict(),
            "rows": self.rows,
            "residuals": self.residuals.to_dict(),
            "feature_sums": plain(self.feature_sums),
            "feature_covariance": plain(self.feature_covariance),
            "feature_variances": plain(self.feature_variances),
            "sample": plain(self.sample),
            "seed": str(self.seed),
        }
        return {MULTIVARIATE_FILE: canonical_json(document)}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> MultivariateReference:
        """Read what `to_files` wrote. Raises SchemaError for anything else."""
        try:
            return cls._from_document(json.loads(files[MULTIVARIATE_FILE]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, SchemaError):
                raise
            got = f"{type(error).__name__}: {error}"
            expected, next_step = "a multivariate reference", "fit the reference again"
            raise SchemaError(
                problem(expected=expected, got=got, where=MULTIVARIATE_FILE, next_step=next_step)
            ) from error

    @classmethod
    def _from_document(cls, values: Mapping[str, Any]) -> MultivariateReference:
        if values["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {values['format_version']!r}, not {FORMAT_VERSION}")
        encoding = Encoding.from_dict(values["columns"])
        width = encoding.width
        features = FourierFeatures.from_dict(values["features"], width=width, where=MULTIVARIATE_FILE)
        size, rows = features.size, int(values["rows"])
        seed = int(values["seed"])
        if rows < MIN_ROWS or seed < 0:
            raise ValueError(f"{rows} rows, seed {seed}")
        return cls(
            encoding=encoding,
            components=Components.from_dict(values["components"], width=width, where=MULTIVARIATE_FILE),
            features=features,
            rows=rows,
            residuals=Tally.from_dict(values["residuals"]),
            feature_sums=array_of(values["feature_sums"], "i8", (size,), where=MULTIVARIATE_FILE),
            feature_covariance=array_of(values["feature_covariance"], "f8", (size, size), where=MULTIVARIATE_FILE),
            feature_variances=array_of(values["feature_variances"], "f8", (size,), where=MULTIVARIATE_FILE),
            sample=array_of(values["sample"], "i2", (None, width), where=MULTIVARIATE_FILE),
            seed=seed,
        )
