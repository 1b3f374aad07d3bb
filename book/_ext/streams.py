"""What a cell prints is one text, wherever the kernel cut it.

A kernel sends its text in pieces, cut by time. MyST-NB ends each piece with a new line, in the
middle of a word if it comes so: here the pieces are joined before it does.
"""

import copy

from myst_nb.core import render

_END_LINES = render.coalesce_streams


def joined(outputs):
    """Return a cell's outputs, the pieces of each stream in one.

    Parameters
    ----------
    outputs : list of NotebookNode

    Returns
    -------
    list of NotebookNode
        As MyST-NB's own `coalesce_streams` gives them, if a stream comes in one piece.
    """
    whole, streams = [], {}
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
            continue
        output = copy.copy(output)  # the notebook's own stays as it is
        if output["output_type"] == "stream":
            streams[output["name"]] = output
        whole.append(output)
    return _END_LINES(whole)


def setup(app):
    render.coalesce_streams = joined
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
