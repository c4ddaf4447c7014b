"""Data contracts: what a data set promises, and what became of the promise."""

from mlops_runtime.data.contract.check import check, check_stream
from mlops_runtime.data.contract.infer import infer_contract
from mlops_runtime.data.contract.model import ColumnContract, Contract
from mlops_runtime.data.contract.report import ContractReport, Example, RuleResult

__all__ = [
    "ColumnContract",
    "Contract",
    "ContractReport",
    "Example",
    "RuleResult",
    "check",
    "check_stream",
    "infer_contract",
]
