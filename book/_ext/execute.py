"""Execute chapters in place, for committing: ``python book/_ext/execute.py book/04-ann.ipynb …``.

The metadata is normalised, so that a diff shows what an author changed and nothing else. A chapter
in which a cell fails or writes to the error stream is left as it was.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from nnlearn.exercises.author import METADATA
from nnlearn.files import write_atomically


def execute(path):
    """Execute one notebook from nothing and store its outputs.

    Parameters
    ----------
    path : Path

    Raises
    ------
    CellExecutionError
        If a cell fails.
    ValueError
        If a cell writes to the error stream.
    """
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # one output, however slow the machine: nothing new in a diff
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        kept = {k: v for k, v in cell.metadata.items() if k in ("tags", "mystnb")}
        cell.metadata = nbformat.from_dict(kept)
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise ValueError(f"{path}: cell {cell.id} writes to stderr:\n{output.text}")
    nbformat.validate(notebook)
    write_atomically(path, nbformat.writes(notebook) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"executing {name}", flush=True)
        execute(Path(name))
