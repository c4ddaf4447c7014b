"""The demo's data: seeded, learnable as documented, shifted only where documented."""

import numpy as np
import pyarrow.compute as pc
import pytest

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.data.synthetic import claims, planted_shift


def test_the_same_seed_gives_the_same_table_and_another_seed_another():
    assert claims(500, seed=3).equals(claims(500, seed=3))
    assert not claims(500, seed=3).equals(claims(500, seed=4))


def test_claims_come_in_time_order_with_missing_values_where_documented():
    table = claims(20_000, seed=0)
    assert pc.all(
        pc.greater(pc.subtract(table["submitted"][1:].cast("int64"), table["submitted"][:-1].cast("int64")), 0)
    )
    gaps = {name: table[name].null_count / 20_000 for name in table.column_names if table[name].null_count}
    assert gaps == pytest.approx({"policy_years": 0.06, "report_days": 0.10}, abs=0.01)


def test_about_one_claim_in_five_is_fraud():
    assert np.mean(np.array(claims(20_000, seed=0)["fraud"]) == "yes") == pytest.approx(0.2, abs=0.02)


def test_the_shift_changes_three_columns_and_no_other():
    before = claims(20_000, seed=0)
    after = planted_shift(before, seed=1)
    changed = {name for name in before.column_names if not before[name].equals(after[name])}
    assert changed == {"amount", "channel", "report_days"}
    assert pc.mean(after["amount"]).as_py() == pytest.approx(1.6 * pc.mean(before["amount"]).as_py(), rel=1e-3)
    shares = {entry["values"]: entry["counts"] / 20_000 for entry in pc.value_counts(after["channel"]).to_pylist()}
    assert shares["telephone"] == pytest.approx(0.24 * 0.92, abs=0.01)
    assert shares["chatbot"] == pytest.approx(0.08, abs=0.01)


def test_no_rows_are_refused():
    with pytest.raises(ConfigError, match="rows >= 1"):
        claims(0, seed=0)
