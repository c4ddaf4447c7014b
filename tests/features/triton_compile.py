"""Compile the Triton kernels ahead of time for a GPU that is not here, and print what ptxas made of them, as JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from mlops_runtime.kernels.category_counts.triton import count_codes_kernel
from mlops_runtime.kernels.dense.triton import dense_kernel, flatten
from mlops_runtime.kernels.dense.triton_steps import STEPS
from mlops_runtime.kernels.gather.triton import gather_kernel, tile_of
from mlops_runtime.kernels.hash.triton import hash_ids_kernel
from mlops_runtime.kernels.histogram.tally_triton import summed_slots
from mlops_runtime.kernels.histogram.triton import histogram_kernel

_TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
_COMMON = (("impute", (1.0,)), ("log1p", ()), ("affine", (0.0, 1.0)))
_COUNTS = {
    "impute": 1,
    "clip": 2,
    "affine": 2,
    "yeo_johnson": 1,
    "equals": 1,
    "table": 8,
    "bucket": 9,
    "interpolate": 8,
}


def _dense(outputs: list[Any]) -> ASTSource:
    program, starts, _ = flatten(outputs)
    pointers = {"columns_ptr": "*fp32", "parameters_ptr": "*fp64", "out_ptr": "*fp32", "rows": "i32"}
    constants = {"PROGRAM": program, "STARTS": starts, "BLOCK": 128}
    return _source(dense_kernel, pointers, constants)


def _hash(parts: int) -> ASTSource:
    pointers = {"columns_ptr": "*i64", "missing_ptr": "*u8", "seed_ptr": "*u64", "out_ptr": "*i64"}
    return _source(hash_ids_kernel, {**pointers, "rows": "i32", "buckets": "i32"}, {"PARTS": parts, "BLOCK": 1024})


def _gather(item: str, width: int) -> ASTSource:
    pointers = {"items_ptr": f"*{item}", "ordinals_ptr": "*i64", "out_ptr": f"*{item}"}
    rows, columns = tile_of(width)
    return _source(
        gather_kernel, {**pointers, "count": "i64", "stride": "i64"}, {"WIDTH": width, "ROWS": rows, "COLS": columns}
    )


def _histogram(value: str, edges: int) -> ASTSource:
    pointers = {"values_ptr": f"*{value}", "edges_ptr": "*fp64", "counts_ptr": "*i64"}
    numbers = {"rows": "i64", "stride": "i64", "edges": "i32"}
    constants = {"STEPS": edges.bit_length(), "SLOTS": summed_slots(edges + 4)}
    return _source(histogram_kernel, {**pointers, **numbers}, constants)


def _codes(code: str, categories: int) -> ASTSource:
    arguments = {"codes_ptr": f"*{code}", "counts_ptr": "*i64", "rows": "i64", "stride": "i64", "categories": "i32"}
    return _source(count_codes_kernel, arguments, {"SLOTS": summed_slots(categories + 2)})


def _source(kernel: Any, arguments: dict[str, str], constants: dict[str, Any]) -> ASTSource:
    signature = {**arguments, **dict.fromkeys(constants, "constexpr")}
    aligned = {(place,): [["tt.divisibility", 16]] for place, kind in enumerate(arguments.values()) if kind[0] == "*"}
    return ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=aligned)


def _resources(source: ASTSource, capability: int) -> dict[str, Any]:
    options = {"enable_fp_fusion": False}
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(compiled.asm["cubin"])
        usage = _tool("cuobjdump", "--dump-resource-usage", file.name)
        code = _tool("nvdisasm", "--no-dataflow", file.name)
    return {
        "registers": int(re.findall(r"REG:(\d+)", usage)[-1]),
        "spilled_bytes": int(re.findall(r"STACK:(\d+)", usage)[-1]) + int(re.findall(r"LOCAL:(\d+)", usage)[-1]),
        "fused": len(re.findall(r"\bfma\.rn\.f64", compiled.asm["ptx"])),
        "wide_stores": len(re.findall(r"STG\.E\.(?:\w+\.)*128", code)),
        "wide_loads": len(re.findall(r"LDG\.E\.(?:\w+\.)*128", code)),
    }


def _tool(name: str, *arguments: str) -> str:
    return subprocess.run([_TOOLS / name, *arguments], check=True, capture_output=True, text=True).stdout


def main() -> None:
    every_step = [("column", 0, 0, ((name, (1.0,) * _COUNTS.get(name, 0)),)) for name in STEPS]
    sources = {
        "dense of 13 columns": _dense([("column", j, 0, _COMMON) for j in range(13)]),
        "dense of 16 columns": _dense([("column", j, 0, _COMMON) for j in range(16)]),
        "dense of every step": _dense([*every_step, ("divide", 0, 1, ())]),
        "hash": _hash(1),
        "hash of a cross": _hash(2),
        "gather of 26 int64": _gather("i64", 26),
        "gather of 13 float32": _gather("i32", 13),
        "gather of 5000 bytes": _gather("u8", 5000),
        "histogram of 256": _histogram("fp32", 255),
        "histogram of 256, float16": _histogram("fp16", 255),
        "histogram of 10000": _histogram("fp64", 10_000),
        "codes of 100 categories": _codes("i32", 100),
        "codes of 65536 categories": _codes("i64", 65_536),
    }
    found = {name: _resources(source, int(sys.argv[1])) for name, source in sources.items()}
    json.dump({"triton": triton.__version__, "kernels": found}, sys.stdout)


if __name__ == "__main__":
    main()
