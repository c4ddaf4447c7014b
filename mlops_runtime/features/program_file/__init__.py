"""The file form of a feature program: canonical JSON beside Arrow tables, believed only after every check."""

from mlops_runtime.features.program_file.read import read_program
from mlops_runtime.features.program_file.write import write_document, write_files

__all__ = ["read_program", "write_document", "write_files"]
