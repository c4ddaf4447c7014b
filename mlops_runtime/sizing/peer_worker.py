"""The far side of `PeerProcess`, run by the peer's own Python: standard library only, and no import of ours.

Usage: python peer_worker.py SCRIPT. Reads JSON lines {"call": name or null, "arguments": {…}}, answers each with
{"result": …, "cpu_s": …} or {"error": …}. What the script prints goes to stderr.
"""

import contextlib
import json
import os
import runpy
import sys
import time


def serve(script: str) -> None:
    """Answer calls to the functions of `script` until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with contextlib.redirect_stdout(sys.stderr):
        functions = runpy.run_path(script)
        for line in sys.stdin:
            answers.write(json.dumps(_answer(functions, json.loads(line))) + "\n")
            answers.flush()


def _answer(functions: dict, message: dict) -> dict:  # type: ignore[type-arg]
    try:
        name = message["call"]
        result = None if name is None else functions[name](**message["arguments"])
        return {"result": result, "cpu_s": time.process_time()}
    except Exception as error:  # the caller turns it into an error of its own
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    serve(sys.argv[1])
