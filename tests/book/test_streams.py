"""The text that a cell prints does not depend on where the kernel cuts it."""

import pytest
from nbformat.v4 import new_output
from streams import joined

TEXT = "rate 0.5: loss 0.12\n  p* = 57.5\nend\n"


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_pieces_are_one_text(cut):
    picture = new_output("display_data", {"text/plain": "x"})
    pieces = [stream(TEXT[:cut]), picture, stream(TEXT[cut : cut + 3]), stream(TEXT[cut + 3 :])]
    assert joined(pieces) == joined(pieces)
    outputs = joined(pieces)
    texts = [output["text"] for output in outputs if output["output_type"] == "stream"]
    assert texts == [TEXT]
    assert len(outputs) == 2


def test_each_stream_is_one_and_nothing_is_nothing():
    assert joined([]) == []
    found = joined([stream("a"), stream("!", "stderr"), stream("b\n"), stream("?", "stderr")])
    assert [(o["name"], o["text"]) for o in found] == [("stdout", "ab\n"), ("stderr", "!?\n")]
