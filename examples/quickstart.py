"""The API on one page: train, open, score, compare. It makes its own data, in the folder it runs in."""

from pathlib import Path

import pyarrow.csv

import mlops_runtime as mlrt
from mlops_runtime.data.synthetic import claims, planted_shift

history = claims(10_000, seed=7)  # seeded, synthetic insurance claims
pyarrow.csv.write_csv(history, "claims.csv")
result = mlrt.train(
    mlrt.TrainConfig(data=Path("claims.csv"), target="fraud", output=Path("claims-1"), time="submitted")
)
print("ROC AUC", result.metrics["roc_auc"])

model = mlrt.Model.load(mlrt.Bundle.open("claims-1"))  # the signature and every hash are verified first
today = planted_shift(claims(2_000, seed=8), seed=8)
scores = model.score(today)  # cleaned, transformed and scored exactly as in training
print(scores.label[:3], scores.probability[:3, 1])

print("drifted:", mlrt.compare(history, today).drifted)
