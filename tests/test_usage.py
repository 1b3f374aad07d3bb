"""Calls that do not fit: what is said of them, and that all else passes through."""

import pytest
import tally

import nnlearn as nn
from nnlearn.usage import constructor_arguments, usage


@usage("draw(line, width=1)", linewidth="say width")
def draw(line, width=1):
    """Draw."""
    return line * width


class Base:
    @usage("nn.{}(size, colour='red')", dye="say colour")
    def __init__(self, size, *, colour="red"):
        self.size, self.colour = size + 0, colour


class Child(Base):
    """Inherits the constructor."""


class Other(Base):
    @usage("nn.Other(size, shape='round')")
    def __init__(self, size, *, shape="round", **settings):
        super().__init__(size, **settings)


class Closed(Base):
    def __init__(self, count):
        super().__init__(count)


class Fixed(Base):
    def __init__(self, half, **settings):
        super().__init__(2 * half, **settings)


def test_a_call_that_fits_is_the_function():
    assert (draw("-"), draw("-", 3), draw(line="-", width=2)) == ("-", "---", "--")
    assert (draw.__name__, draw.__doc__) == ("draw", "Draw.")
    with pytest.raises(TypeError, match=r"^can't multiply sequence by non-int of type 'float'$"):
        draw("-", 1.5)  # what goes wrong inside is told as it is


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: draw("-", linewidth=3), "draw has no argument 'linewidth': say width."),
        (lambda: draw("-", wdth=3), "draw has no argument 'wdth': did you mean width?"),
        (lambda: draw("-", z=3), "draw has no argument 'z': there are line, width."),
        (lambda: draw(), "draw is called with missing a required argument: 'line'."),
        (lambda: draw(1, 2, 3), "draw is called with too many positional arguments."),
        (lambda: draw(1, line=2), "draw is called with multiple values for argument 'line'."),
    ],
)
def test_what_does_not_fit(call, told):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == f"{told} Expected draw(line, width=1)"
    assert caught.value.__context__ is None  # Python's own error says less
    tally.count("bad inputs refused")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Base(1, z=2), "Base has no argument 'z': there are size, colour."),
        (lambda: Child(1, dye=2), "Child has no argument 'dye': say colour."),
        (lambda: Child(), "Child is called with missing a required argument: 'size'."),
        (lambda: Other(1, colour=1, z=2), "Other has no argument 'z': there are size, shape, col"),
        (lambda: Other(1, shape=1, color=2), "Other has no argument 'color': did you mean colour?"),
        (lambda: Fixed(1, z=2), "Base has no argument 'z': there are size, colour."),
    ],
)
def test_a_class_is_called_by_its_name_and_knows_what_it_passes_on(call, told):
    """A constructor that is inherited is called by the name of who inherits it."""
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).startswith(told)
    name = told.split()[0]
    assert str(caught.value).partition(" Expected ")[2].startswith(f"nn.{name}(size, ")
    tally.count("bad inputs refused")


@pytest.mark.parametrize("kind", [Base, Child, lambda size, **kw: Other(size, shape="", **kw)])
def test_an_error_inside_a_constructor_is_told_as_it_is(kind):
    with pytest.raises(TypeError, match=r"unsupported operand|can only concatenate"):
        kind("large", colour="blue")


def test_the_arguments_of_a_constructor():
    """With those it passes on: of whom a class inherits, as far as each passes on what it gets."""
    empty = constructor_arguments(Base.__mro__)["size"]
    assert constructor_arguments(Child.__mro__) == {"self": empty, "size": empty, "colour": "red"}
    assert list(constructor_arguments(Other.__mro__)) == ["self", "size", "shape", "colour"]
    assert list(constructor_arguments(Fixed.__mro__)) == ["self", "half", "size", "colour"]
    assert list(constructor_arguments(Closed.__mro__)) == ["self", "count"]
    assert "learned_state" in constructor_arguments(nn.LSTM.__mro__)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: nn.LSTM(2, 3, last=True, lst=1), "LSTM has no argument 'lst': did you mean last?"),
        (lambda: nn.GRU(2, last=True), "GRU is called with missing .*'hidden'. Expected nn.GRU"),
        (
            lambda: nn.RNN(2, 3, z=1),
            "RNN has no argument .* recurrent_initializer. Expected nn.RNN",
        ),
        (lambda: nn.ConvTranspose2D(1, 1), "ConvTranspose2D is .* Expected nn.ConvTranspose2D"),
    ],
)
def test_layers(call, told):
    with pytest.raises(TypeError, match=told):
        call()
