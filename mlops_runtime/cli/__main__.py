"""`python -m mlops_runtime.cli` is `mlrt`, also where the script folder is not on the path."""

from mlops_runtime.cli.main import main

main()
