"""Which file system a path or URL lies in. S3, Google and Azure come with pyarrow; every other scheme is fsspec's."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.fs as pafs

from mlops_runtime.core.errors import ConfigError, problem

__all__ = ["find_file_system"]

_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://(.*)\Z", re.DOTALL)
_ARROW_SCHEMES = ("file", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
_REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDPOINT = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def find_file_system(given: str, filesystem: Any = None) -> tuple[pafs.FileSystem, str]:
    """Return the file system of a path or URL, and the path in it.

    filesystem: a pyarrow or fsspec file system, in which `given` is a path; or options, as a mapping, with which the
    S3FileSystem or the fsspec file system of a URL is made. Raises ConfigError when that fails.
    """
    options = filesystem if isinstance(filesystem, Mapping) else {}
    if filesystem is not None and not isinstance(filesystem, Mapping):
        return _wrapped(filesystem), given.rstrip("/")
    url = _URL.match(given)
    if url is None:
        return pafs.LocalFileSystem(), str(Path(given).absolute())
    scheme, rest = url[1].lower(), url[2]
    try:
        if scheme == "s3":
            return _s3(rest.split("/", 1)[0], options), rest.rstrip("/")
        if scheme in _ARROW_SCHEMES:
            found, path = pafs.FileSystem.from_uri(quote(given, safe=":/@?=&*[]%"))
            return found, path.rstrip("/")
        return _from_fsspec(given, options)
    except (pa.ArrowException, OSError, ValueError, TypeError, ImportError) as error:
        raise ConfigError(
            problem(
                expected=f"a file system for {scheme}://",
                got=f"an error: {str(error).splitlines()[0][:200]}",
                where=given,
                next_step="check the URL and its options; schemes that pyarrow lacks need fsspec and its driver",
            )
        ) from error


def _s3(bucket: str, options: Mapping[str, Any]) -> pafs.FileSystem:
    """The region is the bucket's, looked up unless options or the environment say where to go."""
    endpoint = next(filter(None, map(os.environ.get, _ENDPOINT)), None)
    if endpoint is not None and "endpoint_override" not in options:  # pyarrow takes a host where others take a URL
        scheme, _, host = endpoint.rstrip("/").rpartition("://")
        options = {"scheme": scheme or "https", **options, "endpoint_override": host}
    placed = {"region", "endpoint_override"} & {*options} or any(map(os.environ.get, _REGION))
    region = {} if placed else {"region": pafs.resolve_s3_region(bucket)}
    return pafs.S3FileSystem(**region, **options)


def _from_fsspec(url: str, options: Mapping[str, Any]) -> tuple[pafs.FileSystem, str]:
    from fsspec.core import url_to_fs

    found, path = url_to_fs(url, **options)
    return _wrapped(found), str(path).rstrip("/")


def _wrapped(filesystem: Any) -> pafs.FileSystem:
    if isinstance(filesystem, pafs.FileSystem):
        return filesystem
    return pafs.PyFileSystem(pafs.FSSpecHandler(filesystem))
