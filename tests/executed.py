"""Strict nbval over what `make book` has just executed: each output is compared, none made twice.

A pytest plugin, for the notebooks alone: ``-p executed --nbval``. nbval compares as ever, but asks
the kept execution in the place of a kernel. A notebook is executed, as nbval does, if nothing is
kept of it, or if anything that it is made of has been written since.
"""

import contextlib

import nbformat
from jupyter_cache import get_cache
from nbval.plugin import IPyNbFile
from paths import newest

#: Where `make book` keeps its executions, and what they depend on.
KEPT = "_build/.jupyter_cache"
SOURCES = ("book", "nnlearn", "pyproject.toml", "requirements*.txt")
ID = "executed before"


class Replay:
    """What nbval asks of a kernel, answered by the cells of an executed notebook."""

    def __init__(self, cells):
        self._cells = iter(cells)

    def execute_cell_input(self, source, allow_stdin):
        for cell in self._cells:  # those between are marked to be skipped
            if cell.source == source:
                done = nbformat.NotebookNode(output_type="status", execution_state="idle")
                self._outputs = iter([*cell.outputs, done])
                return ID
        raise LookupError(f"the execution that was kept has no such cell:\n{source}")

    def get_message(self, stream, timeout):
        output = next(self._outputs)
        return {
            "msg_type": output.output_type,
            "content": output,
            "parent_header": {"msg_id": ID},
        }

    def is_alive(self):
        return True

    def await_reply(self, msg_id, timeout):
        """It has come."""

    def await_idle(self, msg_id, timeout):
        """It is."""

    def stop(self):
        """Nothing runs."""


@contextlib.contextmanager
def executions(root):
    """Open what is kept, and close its database, which jupyter-cache itself leaves open."""
    cache = get_cache(root / KEPT)
    try:
        yield cache
    finally:
        cache.db.dispose()


def kept(path, root):
    """Return the executed code cells of a notebook; None if it must be executed (again)."""
    if not (root / KEPT).exists():
        return None
    with executions(root) as cache:
        try:
            record = cache.match_cache_notebook(nbformat.read(path, as_version=4))
        except KeyError:
            return None
        ended = (root / KEPT / "executed" / record.hashkey / "base.ipynb").stat().st_mtime
        sources = [place for source in SOURCES for place in root.glob(source)]
        if newest(sources) > ended - record.data["execution_seconds"]:
            return None
        return cache.get_cache_bundle(record.pk).nb.cells


def pytest_configure():
    start_kernel = IPyNbFile.setup

    def setup(notebook):
        cells = kept(notebook.path, notebook.config.rootpath)
        if cells is None:
            start_kernel(notebook)
        else:
            notebook.kernel = Replay(cells)
            notebook.setup_sanitize_files()

    IPyNbFile.setup = setup
