"""How pyarrow is asked to decode a CSV file, whole or block by block."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from mlops_runtime.core.settings import settings
from mlops_runtime.data.csv_errors import explain
from mlops_runtime.data.csv_rejects import CsvRejects, MarkedUtf8
from mlops_runtime.data.header import CsvHeader
from mlops_runtime.data.schema import Schema
from mlops_runtime.data.text_type import null_texts

__all__ = ["TEXT", "CsvDecoder"]

TEXT = pa.dictionary(pa.int32(), pa.utf8())

_BLOCK_BYTES = 1 << 22
_MAX_DICTIONARY = 1 << 14  # distinct texts in one block beyond which a dictionary costs more than it saves
_FAILED_COLUMN = re.compile(r"In CSV column #(\d+)")


@dataclass(frozen=True, slots=True)
class CsvDecoder:
    """Decodes one CSV file that lies at `path` and is called `where` in messages.

    quotes: whether a value may span lines. Raises DataError, with the line, for what pyarrow refuses. A column whose
    texts are not of the type it was asked as comes as TEXT (from then on, block by block): what is wrong with it is
    for the rules of the schema to say.
    """

    path: Path
    where: str
    header: CsvHeader
    rules: Schema
    quotes: bool

    def whole(self, names: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Table:
        """Decode these columns; the type of a column that `types` lacks is inferred from all its values."""
        known = dict(types)
        while True:
            try:
                return arrow_csv.read_csv(self.path, **self._options(names, known))
            except pa.ArrowInvalid as error:
                if _is_empty(error):
                    return pa.table({name: pa.nulls(0) for name in names})
                known[self._unreadable(error, known)] = TEXT

    def blocks(self, names: Sequence[str], types: Mapping[str, pa.DataType]) -> Iterator[pa.Table]:
        """Decode these columns as `types` says, a block of bytes at a time."""
        known = dict(types)
        done = 0
        while True:
            seen = 0
            try:
                with arrow_csv.open_csv(self.path, **self._options(names, known)) as reader:
                    for batch in reader:
                        seen += batch.num_rows
                        if seen > done:  # else it was handed out before a column turned out to be text
                            done = seen
                            yield pa.Table.from_batches([batch])
                return
            except pa.ArrowInvalid as error:
                if _is_empty(error):
                    return
                known[self._unreadable(error, known)] = TEXT

    def tolerant_blocks(self, names: Sequence[str], rejects: CsvRejects) -> Iterator[pa.Table]:
        """Decode these columns as TEXT, bad rows handed to `rejects`, which has yet to take out those with marks."""
        options = self._options(names, dict.fromkeys(names, TEXT), threads=False)
        options["parse_options"].invalid_row_handler = rejects.ragged
        with contextlib.closing(MarkedUtf8(self.path)) as content:
            try:
                with arrow_csv.open_csv(pa.PythonFile(content, mode="r"), **options) as reader:
                    for batch in reader:
                        yield pa.Table.from_batches([batch])
            except pa.ArrowInvalid as error:
                if not _is_empty(error):
                    raise explain(self.path, self.header, error, self.where) from error

    def _unreadable(self, error: pa.ArrowInvalid, types: Mapping[str, pa.DataType]) -> str:
        """Return the column whose type `error` says is wrong. Raises DataError when that is not the matter."""
        failed = _FAILED_COLUMN.match(str(error))
        name = self.header.names[int(failed[1])] if failed else None
        if name is None or types.get(name, TEXT) == TEXT:
            raise explain(self.path, self.header, error, self.where) from error
        return name

    def _options(
        self, names: Sequence[str], types: Mapping[str, pa.DataType], *, threads: bool | None = None
    ) -> dict[str, Any]:
        return {
            "read_options": arrow_csv.ReadOptions(
                block_size=_BLOCK_BYTES,
                column_names=list(self.header.names),
                skip_rows=self.header.skip_lines,
                use_threads=settings().thread_count > 1 if threads is None else threads,
            ),
            "parse_options": arrow_csv.ParseOptions(delimiter=self.header.delimiter, newlines_in_values=self.quotes),
            "convert_options": arrow_csv.ConvertOptions(
                include_columns=list(names),
                column_types={name: types[name] for name in names if name in types},
                null_values=null_texts(self.rules),
                auto_dict_encode=True,
                auto_dict_max_cardinality=_MAX_DICTIONARY,
                decimal_point=self.header.decimal_point,
            ),
        }


def _is_empty(error: pa.ArrowInvalid) -> bool:
    """Whether pyarrow complains that nothing follows the header."""
    return "Empty CSV" in str(error) or "Could not skip" in str(error)
