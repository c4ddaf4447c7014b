"""A feature program: declared in YAML, fitted once, written, read again, and applied to other rows."""

from pathlib import Path

import pyarrow.csv

from mlops_runtime import FeatureProgram, FeatureSpec, fit_program, read_dataset
from mlops_runtime.data.synthetic import claims

pyarrow.csv.write_csv(claims(10_000, seed=7), "claims.csv")  # seeded, synthetic insurance claims
pyarrow.csv.write_csv(claims(3, seed=8), "today.csv")

spec = FeatureSpec.load(Path(__file__).with_name("features.yaml"))
history = read_dataset("claims.csv")
program = fit_program(spec, history.table, history.schema)
for output in program.describe():
    print(f"{output['matrix']:6} {output['name']:24} {output['source']}: {'; '.join(output['steps'])}")

written = program.to_files()  # program.json and its tables: bytes to keep anywhere
served = FeatureProgram.from_files(written)  # every byte is checked
today = read_dataset("today.csv", schema=served.schema)  # cleaned as the history was
matrices = served.transform(today.table)
print(matrices.dense.shape, matrices.dense.dtype, matrices.sparse.shape, matrices.sparse.dtype)
print("program", served.digest[:16])
