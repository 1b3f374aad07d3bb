"""The checks' building blocks: what passes, what fails, and what is said."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import nnlearn as nn
from nnlearn.exercises.checking import Check
from nnlearn.exercises.failures import CheckFailed, NotAnswered
from nnlearn.exercises.measuring import numerical_gradient
from nnlearn.exercises.mismatch import outcomes, part

NUMBERS = st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 3))
ARRAYS = arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=NUMBERS)


def check():
    return Check("1.1", "title", "an answer")


def said(action):
    """What a failing check says."""
    with pytest.raises(CheckFailed) as failure:
        action()
    text = str(failure.value)
    assert failure.value._render_traceback_() == text.splitlines()
    return text


# ---- not answered ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers", [(None,), (...,), (3, None), (lambda: 1, ...), ({"a": 1, "b": None},)]
)
def test_none_and_ellipsis_are_not_answered(answers):
    with pytest.raises(NotAnswered, match=r"^Exercise 1.1 is not answered yet\.\n"):
        Check("1.1", "title", *answers)


def test_a_function_that_is_not_implemented_is_not_answered():
    def answer(x):
        raise NotImplementedError("Exercise 1.1: write me")

    with pytest.raises(NotAnswered, match=r"Exercise 1.1 is not answered yet"):
        check().call(answer, 1)


# ---- calling --------------------------------------------------------------------------------


def test_call_passes_copies_and_returns_the_result():
    x = np.arange(3.0)
    assert check().call(lambda a, k: (a is not x) and k, x, k=5) == 5


def test_without_a_case_the_call_itself_is_shown():
    c = check()
    c.call(lambda *a, **k: 0, len, np.zeros((4, 2)), np.float64(0.5), "up", k=[1, 2])
    assert "Tried: <lambda>(len, <array (4, 2)>, 0.5, 'up', k=[1, 2])" in said(lambda: c.fail("no"))


def test_call_shows_the_learner_s_error_and_line():
    def answer(x):
        y = x + 1
        return y.reshape(2, 2)

    text = said(lambda: check().call(answer, np.arange(3.0)))
    assert "ValueError: cannot reshape" in text
    assert re.search(r"in line \d+ of the cell: return y\.reshape\(2, 2\)", text)
    assert "Tried: answer([0., 1., 2.])" in text


def test_the_line_is_the_learner_s_also_where_the_package_calls_the_answer():
    cell = "import nnlearn as nn\n@nn.differentiable\ndef answer(x):\n    return x, lambda dy: y\n"
    names = {"__name__": "__main__"}
    exec(compile(cell, "a cell", "exec"), names)
    _, backward = check().call(nn.vjp, names["answer"], np.ones(2))
    text = said(lambda: check().call(backward, np.ones(2)))
    assert "NameError" in text
    assert "It happened in line 4 of the cell" in text


def test_a_line_of_the_package_is_never_taken_for_one_of_the_cell():
    text = said(lambda: check().call(nn.vjp, nn.differentiable(lambda x: 2 * x), np.ones(2)))
    assert "stopped with TypeError" in text
    assert "of the cell" not in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: None, "gave back nothing. Is its `return` missing?"),
        (lambda x: x.__iadd__(1), "changes an array that it was given"),
        (lambda: 1, "TypeError"),
        (lambda x: exit(), "stopped with SystemExit"),
        (5, "should be a function; it is of type int: 5"),
        (np.ones(2), "should be a function; it is an array of shape (2,)"),
    ],
)
def test_call_explains_usual_faults(answer, words):
    assert words in said(lambda: check().call(answer, np.zeros(2)))


def test_a_change_inside_nested_arguments_is_seen():
    def answer(parameters):
        parameters["W"][0] *= 2
        return 1

    assert "changes an array" in said(lambda: check().call(answer, {"W": [np.ones(2), 3]}))


def test_in_place_gets_the_arguments_themselves():
    x = np.zeros(2)
    assert check().call(lambda a: a.__setitem__(0, 1), x, in_place=True) is None
    assert x[0] == 1


def test_an_interruption_is_not_taken_for_an_error_of_the_answer():
    def answer():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check().call(answer)


def test_warnings_are_shown_only_with_a_failure():
    c = check()
    z = c.call(lambda x: np.exp(x), np.array([1e4]))
    assert "NumPy warned: overflow" in said(c.no_warnings)
    assert "NumPy warned: overflow" in said(lambda: c.close(z, [1.0]))


# ---- comparing ------------------------------------------------------------------------------


@given(ARRAYS)
def test_close_takes_what_differs_by_rounding_only(x):
    check().close(x * (1 + 1e-12), x)
    check().close(x.astype(np.float32), x)


@given(ARRAYS, st.data())
def test_close_refuses_one_wrong_entry_and_never_shows_the_right_value(x, data):
    wrong = x.copy()
    where = data.draw(st.tuples(*(st.integers(0, n - 1) for n in x.shape)))
    wrong[where] += 1234.567
    text = said(lambda: check().close(wrong, x))
    assert "not right" in text
    for value in np.unique(np.abs(x))[:3]:
        if value > 10 and value != round(value):
            assert f"{value}" not in text


def test_close_says_how_far_off_and_where():
    value = np.zeros((2, 3))
    value[1, 2], value[0, 1] = 5.0, 1.0
    text = said(lambda: check().close(value, np.zeros((2, 3)), name="dW"))
    assert "dW is not right. 2 of its 6 entries are wrong" in text
    assert "at index [1, 2], is off by 5." in text
    value[0, 1] = 0.0
    text = said(lambda: check().close(value, np.zeros((2, 3))))
    assert "1 of its 6 entries is wrong: the one at index [1, 2] is off by 5." in text
    assert "Its only entry is off by 0.25." in said(lambda: check().close([[1.25]], [[1.0]]))
    assert "It is off by 0.25." in said(lambda: check().close(1.25, 1.0))


RIGHT = np.array([[1.0, 2.0], [3.0, 5.0]])


@pytest.mark.parametrize(
    ("value", "expected", "words"),
    [
        (-RIGHT, RIGHT, "sign is the wrong way round"),
        (RIGHT.T, RIGHT, "the transpose of the right one"),
        (np.ones((2, 3)).T, np.ones((2, 3)), "the transpose of the right one"),
        (2.5 * RIGHT, RIGHT, "the right one times 2.5"),
        (RIGHT.ravel(), RIGHT, "The numbers are right, only the shape is not"),
        (np.ones((4, 2)), np.ones(2), "Is a sum over one axis missing?"),
        (np.array([np.nan, 1, np.inf]), np.ones(3), "1 NaN (not a number) and 1 infinite among"),
        (np.nan, 1.0, "1 NaN"),
        ("text", 1.0, "should be a number or numbers; it is the text 'text'"),
        (np.str_("0.5"), 1.0, "it is the text '0.5' (a number has no quotation marks)"),
        ([[1], [2, 3]], 1.0, "of type list"),
        (len, 1.0, "the function `len` itself"),
    ],
)
def test_close_sees_usual_mistakes_by_itself(value, expected, words):
    assert words in said(lambda: check().close(value, expected))


def test_the_first_hint_that_fits_is_the_message():
    hints = {
        "The bias is missing": 3.0,
        "The bias is taken twice": lambda: 5.0,
        "Also five": 5.0,
    }
    assert "The bias is missing.\n" in said(lambda: check().close(3.0, 4.0, hints, case="n = 1"))
    text = said(lambda: check().close(5.0, 4.0, hints, case="n = 1"))
    assert "twice." in text
    assert "Also" not in text
    assert text.endswith("Tried: n = 1")


def test_a_hint_for_what_is_right_here_is_passed_over():
    """A value just outside the tolerance is near to both: the mistake is not what it is."""
    hints = {"The bias is missing": 1 + 0.8e-7, "The sign": -1.0}
    text = said(lambda: check().close(1 + 1.5e-7, 1.0, hints))
    assert "bias" not in text
    assert "It is off by 1.5e-07." in text
    assert "The bias is missing" in said(
        lambda: check().close(1 + 3e-7, 1.0, {"The bias is missing": 1 + 3e-7})
    )


def test_infinities_that_agree_are_right():
    check().close(np.array([np.inf, 1.0]), np.array([np.inf, 1.0]))


def test_shape_and_dtype():
    check().shape(np.zeros((2, 3)), (2, 3), dtype=np.float64)
    assert "z has shape (); expected shape (1,)" in said(lambda: check().shape(1.0, (1,), name="z"))
    text = said(lambda: check().shape(np.zeros(2), (2,), dtype=np.float32))
    assert "dtype float64; expected float32" in text


# ---- derivatives ----------------------------------------------------------------------------


@given(arrays(np.float64, (3,), elements=NUMBERS), arrays(np.float64, (2, 3), elements=NUMBERS))
def test_numerical_gradient_of_a_quadratic_form(x, A):
    seed = np.array([1.0, -2.0])
    measured = numerical_gradient(lambda a, x: (a @ x) ** 2, A, x, wrt=1, seed=seed)
    exact = 2 * (seed * (A @ x)) @ A
    scale = 1 + np.sum(np.abs(A)) ** 2 * (1 + np.max(np.abs(x))) ** 2
    assert np.allclose(measured, exact, rtol=0, atol=1e-6 * scale)


def test_gradient_takes_the_right_one_and_refuses_the_wrong_one():
    x = np.array([0.3, -1.2])
    check().gradient(np.cos(x), np.sin, x)
    check().gradient(2 * 0.7, lambda t: t * t, 0.7)
    text = said(lambda: check().gradient(-np.cos(x), np.sin, x, name="dx", case="sine"))
    assert "dx is not right. The sign" in text
    assert "Tried: sine" in text


def test_gradients_names_the_wrong_one_and_its_mistake():
    x, y = np.array([0.3, -1.2]), np.array([2.0, 5.0])
    mistakes = {"Both are sums": (x + y, x + y), "Exchanged": (x, y)}

    def said_of(*values):
        return said(
            lambda: check().gradients(values, "dx, dy", np.multiply, x, y, mistakes=mistakes)
        )

    check().gradients((y, x), "dx, dy", np.multiply, x, y)
    check().gradients((3 * y, 3 * x), "dx, dy", np.multiply, x, y, seed=3)
    assert "dx is not right. Both are sums." in said_of(x + y, x)
    assert "dy is not right. Exchanged." in said_of(y, y)


def test_shapes():
    check().shapes((np.ones(2), 3.0), (np.zeros(2), 1.0), "dx, db")
    text = said(lambda: check().shapes((np.ones(2), 3.0), (np.zeros(2), np.ones(1)), "dx, db"))
    assert "db has shape (); expected shape (1,)" in text


def test_what_mistakes_lead_to_becomes_hints():
    mistakes = {"plus": {"sign": 1}, "twice": {"times": 2}}
    both = outcomes(lambda x, sign=-1, times=1: (x, times * sign * x), 3, mistakes=mistakes)
    assert both == {"plus": (3, 3), "twice": (3, -6)}
    assert part(both, 1) == {"plus": 3, "twice": -6}


def test_adjoint():
    A = np.arange(6.0).reshape(2, 3)
    check().adjoint(lambda v: A @ v, lambda u: A.T @ u, (3,), (2,))
    differ = said(
        lambda: check().adjoint(lambda v: A @ v, lambda u: A.T @ u + 1, (3,), (2,), "Oh?")
    )
    assert "differ by" in differ
    assert "Oh?" in differ
    shape = said(lambda: check().adjoint(lambda v: A @ v, lambda u: u, (3,), (2,)))
    assert "Jᵀ u has shape (2,); expected shape (3,)" in shape


# ---- predictions, tuples and the verdict ------------------------------------------------------


def test_predictions():
    c = check()
    assert c.number_of(np.array([3])) == 3.0
    assert c.number_close(2, 2.0) == 2.0
    assert c.choice("up", ["up", "down"]) == "up"
    c.keys({"a": 1, "b": 2}, "ab", "never said")
    assert c.count == 1
    for other in ({"a": 1}, {"a": 1, "b": 2, "c": 3}, ["a", "b"]):
        assert "keys a, b" in said(
            lambda other=other: c.keys(other, "ab", "It needs the keys a, b.")
        )
    assert "steps is not right. Too many" in said(
        lambda: c.number_close(3, 2, {"Too many": 3}, name="steps")
    )
    assert "steps should be one finite number" in said(lambda: c.number_close([], 2, name="steps"))
    assert "rate should be one finite number; it is of type list" in said(
        lambda: c.number_of([1, 2], "rate")
    )
    assert "a number or numbers; it is None" in said(lambda: c.number_of(None))
    assert "one of 'up', 'down'; it is 'left'" in said(lambda: c.choice("left", ["up", "down"]))
    assert "one of True, False; it is 1" in said(lambda: c.choice(1, [True, False]))


@pytest.mark.parametrize(
    ("value", "options", "meant"),
    [
        (np.str_("up"), ["up", "down"], "up"),
        (np.array("up"), ["up", "down"], "up"),
        (np.bool_(False), [True, False], False),
        (np.array([3]) > 2, [True, False], True),
        (np.int64(3), [2, 3], 3),
    ],
)
def test_a_choice_that_numpy_made_counts_by_its_value(value, options, meant):
    said = check().choice(value, options)
    assert said == meant
    assert type(said) is type(meant)


def test_a_choice_shows_what_numpy_made_as_a_reader_would_write_it():
    assert "it is 'left'." in said(lambda: check().choice(np.str_("left"), ["up", "down"]))
    assert "it is 1." in said(lambda: check().choice(np.int64(1), [True, False]))


def test_true_and_false_count_as_one_and_nought():
    x = np.array([-1.0, 2.0, 3.0])
    c = check()
    c.close(x > 0, np.array([0.0, 1.0, 1.0]))
    c.close(x > 0, x > 0)
    c.close(np.array([0, 1, 1]), x > 0)
    c.gradient(x > 0, lambda x: np.maximum(x, 0), x)
    assert c.number_close(np.bool_(True), 1) == 1.0
    taken = "Yours is True and False, taken for 1 and 0"
    hints = {"The slope alone": x > 0}
    for value in (x > 0, x < 0, [True, False, True]):
        assert taken in said(lambda value=value: check().close(value, np.maximum(x, 0)))
    assert taken in said(lambda: check().number_close(True, 0.25))
    assert "The slope alone." in said(lambda: check().close(x > 0, np.maximum(x, 0), hints))
    assert taken not in said(lambda: check().close(x > 0, x < 0))  # truths were asked for
    assert taken not in said(lambda: check().close(-x, x))


def test_unpack():
    c = check()
    assert c.unpack([1, 2], "dx, dW") == (1, 2)
    assert "Return 2 results, in this order: dx, dW. Yours are 3." in said(
        lambda: c.unpack((1, 2, 3), "dx, dW")
    )
    assert "Yours is one alone." in said(lambda: c.unpack(np.ones(2), "dx, dW"))


def test_done_counts_what_held(capsys):
    c = check()
    with pytest.raises(ValueError, match="has checked nothing"):
        c.done()
    c.that(True, "never said")
    c.done()
    c.that(np.array([True, True]), "never said")
    c.done()
    assert capsys.readouterr().out == (
        "1.1 title: its one property holds\n1.1 title: all 2 properties hold\n"
    )
    assert "not so" in said(lambda: c.that(np.array([True, False]), "not so"))


def test_the_cases_are_the_same_each_time_and_differ_between_exercises():
    first, again, other = (Check(n, "t").rng.normal(size=4) for n in ("1.1", "1.1", "1.2"))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
