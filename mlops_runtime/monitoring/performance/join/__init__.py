"""Labels joined to predictions as they arrive, and the performance of every window whose labels are in."""

from mlops_runtime.monitoring.performance.join.label_join import JoinStatus, LabelJoin, Published
from mlops_runtime.monitoring.performance.join.receive import Received
from mlops_runtime.monitoring.performance.join.spec import JoinSpec

__all__ = ["JoinSpec", "JoinStatus", "LabelJoin", "Published", "Received"]
