"""S3 and fsspec: a bucket, a memory file system and a folder hold the same data set, opened and pruned alike."""

import json
import urllib.request

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from moto.server import ThreadedMotoServer

from mlops_runtime.cli.main import run
from mlops_runtime.core.errors import ConfigError, DataError, EmptyInputError
from mlops_runtime.data import open_source, read_dataset
from mlops_runtime.data.stored_file import written

ROWS = 3000


@pytest.fixture(scope="module")
def options():
    """How to reach an S3 server on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "endpoint_override": f"{host}:{port}",
        "scheme": "http",
        "region": "us-east-1",
        "access_key": "test",
        "secret_key": "test",
    }
    server.stop()


def table(month):
    first = month * ROWS
    return pa.table(
        {
            "id": np.arange(first, first + ROWS),
            "amount": np.random.default_rng(month).normal(size=ROWS),
            "city": [f"city {i % 7}" for i in range(ROWS)],
        }
    )


def write(system, root):
    for month in range(3):
        system.create_dir(f"{root}/month={month}", recursive=True)
        with system.open_output_stream(f"{root}/month={month}/part-0.parquet") as sink:
            pq.write_table(table(month), sink, row_group_size=1000)
    with system.open_output_stream(f"{root}/notes.txt") as sink:
        pa.csv.write_csv(pa.table({"x": [1, 2]}), sink)
    with system.open_output_stream(f"{root}/_SUCCESS"):
        pass
    return root


@pytest.fixture(scope="module")
def bucket(options):
    system = pafs.S3FileSystem(allow_bucket_creation=True, **options)
    system.create_dir("bucket")
    return write(system, "bucket/sales")


@pytest.fixture
def local(tmp_path):
    return write(pafs.LocalFileSystem(), str(tmp_path / "sales"))


def test_a_glob_in_a_bucket_is_the_folder_it_was_copied_from(bucket, options, local):
    there = open_source(f"s3://{bucket}/**/*.parquet", filesystem=options)
    here = open_source(f"{local}/**/*.parquet")
    assert there.files == here.files == tuple(f"month={month}/part-0.parquet" for month in range(3))
    assert there.schema == here.schema
    assert there.read().table.equals(here.read().table)
    assert there.manifest() == here.manifest()
    assert there.known_rows == 3 * ROWS


def test_partitions_and_row_groups_in_a_bucket_are_pruned(bucket, options):
    filters = [("month", ">=", 1), ("id", "<", ROWS + 1500)]
    source = open_source(f"s3://{bucket}/**/*.parquet", filesystem=options, filters=filters, columns=["id", "month"])
    assert source.files == ("month=1/part-0.parquet", "month=2/part-0.parquet")
    assert source.row_groups_skipped == 4
    batches = list(source.batches())
    assert [(batch.first_row, batch.table.num_rows) for batch in batches] == [(0, 1500)]
    assert source.read().table["id"].to_pylist() == list(range(ROWS, ROWS + 1500))


def test_a_file_system_object_takes_paths_without_a_scheme(bucket, options):
    system = pafs.S3FileSystem(**options)
    one = open_source([f"{bucket}/month=0", f"{bucket}/month=2/part-0.parquet"], filesystem=system)
    assert one.files == ("month=0/part-0.parquet", "month=2/part-0.parquet")
    assert {row for batch in one.batches() for row in batch.table["month"].to_pylist()} == {0, 2}


def test_csv_in_a_bucket_is_decoded_and_its_bad_rows_are_named(bucket, options):
    assert read_dataset_of(f"s3://{bucket}/notes.txt", options).to_pydict() == {"x": [1, 2]}
    system = pafs.S3FileSystem(**options)
    with system.open_output_stream("bucket/bad.csv") as sink:
        sink.write(b"a,b\n1,2\n3\n")
    with pytest.raises(DataError, match=r"s3://bucket/bad\.csv: expected 2 fields in every row, got 1 in line 3"):
        list(open_source("s3://bucket/bad.csv", filesystem=options).batches())


def read_dataset_of(url, options):
    return open_source(url, filesystem=options).read().table


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://nowhere/sales", r"s3://nowhere/sales: .*no such file or directory: nowhere —"),
        ("s3://nowhere/sales/*.parquet", r"s3://nowhere/sales/.*no such file or directory: nowhere —"),
        (
            "s3://bucket/absent.parquet",
            r"s3://bucket/absent\.parquet: .*no such file or directory: bucket/absent\.parquet",
        ),
        ("s3://bucket/sales/*.orc", "files that fit the pattern, got none"),
    ],
)
def test_a_bucket_or_key_that_is_not_there_is_named(bucket, options, url, message):
    with pytest.raises((ConfigError, EmptyInputError), match=message):
        open_source(url, filesystem=options)


def test_wrong_credentials_are_an_error_with_the_url(bucket, options):
    def deny(after):
        address = f"http://{options['endpoint_override']}/moto-api/reset-auth"
        request = urllib.request.Request(address, data=after, headers={"Content-Type": "text/plain"})
        urllib.request.urlopen(request).close()

    deny(b"0")
    try:
        with pytest.raises(ConfigError, match=rf"s3://{bucket}: .* key 'sales' .*ACCESS_DENIED"):
            open_source(f"s3://{bucket}", filesystem=options | {"access_key": "wrong", "secret_key": "wrong"})
    finally:
        deny(b"inf")


def test_a_server_that_is_not_there_is_an_error_with_the_url(bucket, options):
    nobody = {
        "endpoint_override": "127.0.0.1:9",
        "connect_timeout": 1,
        "retry_strategy": pafs.AwsStandardS3RetryStrategy(1),
    }
    with pytest.raises(ConfigError, match=f"s3://{bucket}"):
        open_source(f"s3://{bucket}", filesystem=options | nobody)


def test_options_that_the_file_system_does_not_know_are_named(bucket):
    with pytest.raises(ConfigError, match=r"a file system for s3://.*acess_key"):
        open_source(f"s3://{bucket}", filesystem={"acess_key": "x", "region": "us-east-1"})


def test_an_object_that_changes_while_it_is_read_is_an_error(bucket, options):
    system = pafs.S3FileSystem(**options)
    with system.open_output_stream("bucket/changing.parquet") as sink:
        pq.write_table(table(0), sink, row_group_size=500)
    source = open_source("s3://bucket/changing.parquet", filesystem=options)
    batches = source.batches(100)
    next(batches)
    with system.open_output_stream("bucket/changing.parquet") as sink:
        pq.write_table(table(1).slice(0, 700), sink)
    with pytest.raises(DataError, match=r"s3://bucket/changing\.parquet: .*another one in its place"):
        list(batches)


def test_milliseconds_that_only_a_listing_has_are_no_change(bucket, options):
    """As of servers other than the vendor's own."""
    system = pafs.S3FileSystem(**options)
    info = system.get_file_info(f"{bucket}/month=0/part-0.parquet")
    listed = pafs.FileInfo(info.path, info.type, mtime_ns=info.mtime_ns + 123_000_000, size=info.size)
    assert written(system, listed) == written(system, info)
    local = pafs.LocalFileSystem()
    assert written(local, listed) != written(local, info)


def test_a_delta_table_in_a_bucket_is_read_as_its_log_says(tmp_path, bucket, options):
    path = tmp_path / "delta"
    write_deltalake(path, table(0).append_column("day", pa.array(["a b"] * ROWS)), partition_by=["day"])
    DeltaTable(path).delete("id < 1000")
    system = pafs.S3FileSystem(**options)
    pafs.copy_files(str(path), "bucket/delta", source_filesystem=pafs.LocalFileSystem(), destination_filesystem=system)
    source = open_source("s3://bucket/delta", filesystem=options)
    assert source.read().table["id"].to_pylist() == list(range(1000, ROWS))
    assert source.manifest() == open_source(path).manifest()
    with pytest.raises(ConfigError, match="files of the Delta or Iceberg table at bucket/delta"):
        open_source("s3://bucket/delta/**/*.parquet", filesystem=options)


def test_the_command_line_reads_a_bucket_that_the_environment_points_to(bucket, options, monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{options['endpoint_override']}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert run(["data", "inspect", f"s3://{bucket}/month=0", f"s3://{bucket}/month=1/*.parquet", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [file["name"] for file in report["manifest"]["files"]] == [
        f"month={month}/part-0.parquet" for month in (0, 1)
    ]
    assert report["manifest"]["rows"] == 2 * ROWS


def test_every_scheme_of_fsspec_opens(local):
    memory = fsspec.filesystem("memory")
    write(pafs.PyFileSystem(pafs.FSSpecHandler(memory)), "/sales")
    try:
        here = open_source(f"{local}/**/*.parquet").read()
        for source in (
            open_source("memory://sales/**/*.parquet"),
            open_source("/sales/**/*.parquet", filesystem=memory),
            open_source(f"{local}/**/*.parquet", filesystem=fsspec.filesystem("file")),
            open_source(f"local://{local}/**/*.parquet"),
        ):
            assert source.read().table.equals(here.table)
            assert source.manifest() == here.manifest
        pruned = open_source("memory://sales", filters=[("month", "==", 2), ("id", ">=", 8000)], columns=["id"])
        assert pruned.read().table["id"].to_pylist() == list(range(8000, 9000))
        assert pruned.row_groups_skipped == 2
    finally:
        memory.rm("/sales", recursive=True)


def test_a_scheme_nobody_knows_is_refused():
    with pytest.raises(ConfigError, match="a file system for nosuch://"):
        read_dataset("nosuch://a/b.csv")
