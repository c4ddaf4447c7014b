"""A fitted program as an ONNX graph (opset 21), so that it runs in plain ONNX Runtime 1.20 or newer, elsewhere.

The graph gives the program's matrices bit for bit; `features/onnx/inputs.py` lists its inputs. It starts where
`data.conform` ends: texts are trimmed and missing ones empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.features.onnx.inputs import onnx_inputs

if TYPE_CHECKING:
    from mlops_runtime.features.program import FeatureProgram

__all__ = ["export_program", "onnx_inputs"]


def export_program(program: FeatureProgram) -> bytes:
    """Return the program as a serialised ONNX model.

    Raises UnsupportedExport, listing every output that ONNX cannot compute, ConfigError without the package `onnx`.
    """
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            problem(
                expected="the package `onnx`",
                got="none",
                where="ONNX export",
                next_step="install it with `pip install 'mlops_runtime[train]'`",
            )
        ) from error
    from mlops_runtime.features.onnx.lowering import lower_program

    return lower_program(program)
