"""A seeded stand-in for real data: insurance claims, some of them fraudulent, and the same book after a shift.

How a claim comes about, in order (all draws from one NumPy generator):

    submitted     evenly spread over `rows` × 6 minutes from `start`
    sex, region   0.52 / 0.48; four regions. Neither enters the fraud score
    age           normal(44, 14), cut to 18..90
    policy_years  exponential(6), at most `age` - 18; missing for 6 %
    premium       log-normal, median 900
    amount        log-normal, median 2,200, larger for theft and fire; the loss claimed
    prior_claims  Poisson(0.6)
    report_days   exponential(4): days between loss and report; missing for 10 %
    cause, channel, vehicle, region   categories with the shares below
    fraud         yes with probability sigmoid(score): amount over premium, late reports, short policies, prior claims,
                  theft, and claims by telephone of old policies raise the score; about one claim in five is fraud

A good model of it reaches a ROC AUC of 0.87, a linear one 0.85: the rest is chance by construction.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.conform import TIMESTAMP

__all__ = ["claims", "planted_shift"]

_START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
_MICROSECONDS_APART = 6 * 60 * 1_000_000
_REGIONS = {"north": 0.35, "south": 0.25, "east": 0.22, "west": 0.18}
_CAUSES = {"collision": 0.46, "glass": 0.2, "theft": 0.14, "weather": 0.15, "fire": 0.05}
_CHANNELS = {"web": 0.44, "app": 0.26, "agent": 0.18, "telephone": 0.12}
_VEHICLES = {"sedan": 0.4, "suv": 0.27, "van": 0.12, "truck": 0.09, "motorcycle": 0.07, "electric": 0.05}

_AMOUNT_FACTOR = 1.6
_MOVED_TO_TELEPHONE = 0.12 / 0.88  # of the other channels' claims: doubles the telephone's share
_CHATBOT_SHARE = 0.08
_LOST_REPORT_DAYS = 0.25

_Floats = NDArray[np.floating[Any]]


def claims(rows: int, *, seed: int, start: dt.datetime = _START) -> pa.Table:
    """Return `rows` claims in time order; the same arguments give the same table.

    Columns: submitted (timestamp[us, UTC]); age, policy_years, premium, amount, prior_claims, report_days (numbers);
    cause, channel, vehicle, region, sex (texts); fraud ("yes" or "no", the target). Raises ConfigError for rows < 1.

    >>> claims(1000, seed=1).equals(claims(1000, seed=1))
    True
    """
    if rows < 1:
        raise ConfigError(
            problem(expected="rows >= 1", got=str(rows), where="claims", next_step="ask for at least one row")
        )
    random = np.random.default_rng(seed)
    sex = random.choice(["female", "male"], rows, p=[0.48, 0.52])
    region, cause, channel, vehicle = (_draw(random, rows, m) for m in (_REGIONS, _CAUSES, _CHANNELS, _VEHICLES))
    age = np.clip(np.round(random.normal(44, 14, rows)), 18, 90)
    policy_years = np.round(np.minimum(random.exponential(6, rows), age - 18), 1)
    premium = np.round(900 * np.exp(random.normal(0, 0.35, rows)), 2)
    severe = 0.9 * (cause == "fire") + 0.5 * (cause == "theft") - 0.8 * (cause == "glass")
    amount = np.round(2200 * np.exp(severe + random.normal(0, 0.8, rows)), 2)
    prior_claims = random.poisson(0.6, rows)
    report_days = np.round(random.exponential(4, rows), 1)
    score = _score(amount / premium, report_days, policy_years, prior_claims, cause == "theft", channel == "telephone")
    fraud = random.random(rows) < 1 / (1 + np.exp(-score))
    begin = int(start.timestamp()) * 1_000_000
    return pa.table(
        {
            "submitted": pa.array(begin + _MICROSECONDS_APART * np.arange(rows)).cast(TIMESTAMP),
            "age": age.astype(np.int64),
            "policy_years": _with_missing(policy_years, random.random(rows) < 0.06),
            "premium": premium,
            "amount": amount,
            "prior_claims": prior_claims.astype(np.int64),
            "report_days": _with_missing(report_days, random.random(rows) < 0.10),
            "cause": cause,
            "channel": channel,
            "vehicle": vehicle,
            "region": region,
            "sex": sex,
            "fraud": np.where(fraud, "yes", "no"),
        }
    )


def planted_shift(table: pa.Table, *, seed: int) -> pa.Table:
    """Return claims of the same process after a change that a monitor must see; the target is left as it is.

    amount: every value times 1.6 (prices rose). channel: claims move to the telephone until its share has doubled, then
    8 % of all claims to a new channel, "chatbot". report_days: a quarter of the values is lost. Nothing else changes.
    """
    random = np.random.default_rng(seed)
    rows = table.num_rows
    channel = np.asarray(table["channel"].to_pylist(), dtype=object)
    channel[(channel != "telephone") & (random.random(rows) < _MOVED_TO_TELEPHONE)] = "telephone"
    channel[random.random(rows) < _CHATBOT_SHARE] = "chatbot"
    lost = pa.array(random.random(rows) < _LOST_REPORT_DAYS)
    changed = {
        "amount": pc.round(pc.multiply(table["amount"], _AMOUNT_FACTOR), 2),
        "channel": pa.array(channel, pa.utf8()),
        "report_days": pc.if_else(lost, None, table["report_days"]),
    }
    for name, values in changed.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _draw(random: np.random.Generator, rows: int, shares: dict[str, float]) -> NDArray[np.str_]:
    return random.choice(list(shares), rows, p=list(shares.values()))


def _score(
    amount_in_premiums: _Floats,
    report_days: _Floats,
    policy_years: _Floats,
    prior_claims: NDArray[np.int64],
    theft: NDArray[np.bool_],
    telephone: NDArray[np.bool_],
) -> _Floats:
    """Log-odds of fraud."""
    score: _Floats = (
        -5.1
        + 1.5 * np.log2(1 + amount_in_premiums)
        + 0.16 * np.minimum(report_days, 20)
        - 0.28 * np.minimum(policy_years, 10)
        + 0.6 * np.minimum(prior_claims, 4)
        + 1.2 * theft
        + 0.30 * telephone * policy_years
    )
    return score


def _with_missing(values: _Floats, missing: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, mask=missing)
