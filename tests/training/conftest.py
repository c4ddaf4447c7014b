"""Small labelled files for training tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

ROWS = 400


def make_claims(rows: int = ROWS, seed: int = 0) -> pa.Table:
    """Rows with numbers, texts, missing values, a group, a weight, an order, and targets of every task."""
    generator = np.random.default_rng(seed)
    amount = generator.gamma(2.0, 100.0, rows)
    city = generator.choice(["Dubai", "Abu Dhabi", "Sharjah"], rows)
    signal = (amount - 200) / 140 + (city == "Dubai") + generator.normal(size=rows) / 2
    return pa.table(
        {
            "number": np.arange(rows) * 7 + 3,
            "day": pa.array(np.arange(rows), pa.int64()),
            "amount": pa.array(np.round(amount, 2), mask=generator.random(rows) < 0.05),
            "city": city,
            "sex": generator.choice(["F", "M"], rows),
            "trust": np.round(generator.random(rows) + 0.1, 3),
            "nothing": pa.nulls(rows, pa.string()),
            "fraud": np.where(signal > 0.5, "yes", "no"),
            "grade": np.select([signal < -0.3, signal < 0.7], ["low", "middle"], "high"),
            "cost": np.round(1000 + 50 * signal, 2),
        }
    )


@pytest.fixture(scope="session")
def claims() -> pa.Table:
    return make_claims()


@pytest.fixture(scope="session")
def claims_csv(claims: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("claims") / "claims.csv"
    pyarrow.csv.write_csv(claims, path)
    return path
