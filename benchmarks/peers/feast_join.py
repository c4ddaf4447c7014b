"""Feast's point-in-time join over its file store; `bench_join_feast.py` runs it in an environment of its own."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.repo_config import RepoConfig
from feast.types import Float64

_stores: list[FeatureStore] = []
_frames: list[pd.DataFrame] = []  # the entity rows, then what the last join returned


def prepare(folder: str, ttl_days: int) -> int:
    """Apply a feature view over `past.parquet`, load `entities.parquet`; return how many rows that has."""
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(Path(folder) / "registry.db"),
        offline_store={"type": "file"},
        online_store={"type": "sqlite", "path": str(Path(folder) / "online.db")},
        entity_key_serialization_version=3,
    )
    user = Entity(name="user", join_keys=["user"], value_type=ValueType.INT64)
    source = FileSource(
        path=str(Path(folder) / "past.parquet"),
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )
    schema = [Field(name="value", dtype=Float64)]
    view = FeatureView(name="past", entities=[user], ttl=timedelta(days=ttl_days), schema=schema, source=source)
    store = FeatureStore(config=config)
    store.apply([user, view])
    _stores[:] = [store]
    _frames[:] = [pd.read_parquet(Path(folder) / "entities.parquet")]
    return len(_frames[0])


def join(only_known: bool) -> int:
    """Join; return how many rows came out. only_known: leave out what was created after an entity row's time."""
    job = _stores[0].get_historical_features(
        entity_df=_frames[0], features=["past:value"], filter_by_created_timestamp=only_known
    )
    _frames[1:] = [job.to_df()]
    return len(_frames[1])


def save(path: str) -> None:
    """Write what the last join returned."""
    _frames[1].to_parquet(path)
