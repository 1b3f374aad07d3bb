"""Shapes: the one-line form is understood, and what does not fit is said in full."""

from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest
import tally
from hypothesis import given
from hypothesis import strategies as st
from witnesses import batch_shapes, close

import nnlearn as nn
from nnlearn.arrays.layout import as_rows
from nnlearn.automatic.dual import Dual
from nnlearn.shapes import Signature


def check(text, *shapes, dtype=float):
    Signature("f", text).check([np.zeros(s, dtype) if s is not None else None for s in shapes])


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("x (...)", [()]),
        ("x (...)", [(2, 0, 3)]),
        ("x (..., D), W (M, D), b (M) -> z (..., M)", [(3,), (4, 3), (4,)]),
        ("x (..., D), W (M, D), b (M) -> z (..., M)", [(5, 2, 0), (0, 0), (0,)]),
        ("a (...), b (...)", [(2, 3), (2, 3)]),
        ("a (..., K), b (...)", [(2, 3), (2,)]),
        ("a (N, 3)", [(7, 3)]),
        ("a (N, N)", [(2, 2)]),
        ("a ()", [()]),
        ("a (D), b (D), c (D)", [(2,), None, (2,)]),
        ("", [(1, 2)]),
    ],
)
def test_what_fits(text, shapes):
    check(text, *shapes)


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ("a (N, 3)", [(7, 4)], "f: a has shape (7, 4), expected (N, 3)"),
        ("a (N, N)", [(2, 3)], "f: a has shape (2, 3), expected (N, N)"),
        ("a (N, 1)", [(2, 2)], "f: a has shape (2, 2), expected (N, 1)"),
        ("a (H), b (2H)", [(3,), (5,)], "f: b has shape (5,), expected (2H,) with H = 3 of a"),
        ("a ()", [(1,)], "f: a has shape (1,), expected ()"),
        ("a (D), b (D)", [(2,), (3,)], "f: b has shape (3,), expected (D,) with D = 2"),
        ("a (D), b (D), c (D)", [(2,), None, (3,)], "f: c has shape (3,), expected (D,)"),
        ("a (..., K)", [()], "f: a has shape (), expected (..., K)"),
        ("a (..., K), b (...)", [(2, 3), (3,)], "expected (...,) with ... = (2,)"),
        ("a (..., D), b (..., D)", [(2, 3), (1, 3)], "f: b has shape (1, 3)"),
    ],
)
def test_what_does_not_fit(text, shapes, message):
    with pytest.raises(ValueError, match="has shape") as caught:
        check(text, *shapes)
    assert message in str(caught.value)


def test_kinds():
    check("a int (N)", (2,), dtype="int32")
    with pytest.raises(TypeError, match="f: a has dtype float64, expected an integer array"):
        check("a int (N)", (2,))
    with pytest.raises(TypeError, match="f: a has dtype bool, expected a floating-point array"):
        check("a (N)", (2,), dtype=bool)
    with pytest.raises(TypeError, match=r"f: a is a tuple, expected .*nn\.asarray makes one"):
        Signature("f", "a (N)").check([(1.0, 2.0)])
    for half in (SimpleNamespace(shape=(2,)), SimpleNamespace(dtype=np.dtype(float))):
        with pytest.raises(TypeError, match=r"f: a is a SimpleNamespace, expected .* array; nn.as"):
            Signature("f", "a (N)").check([half])


def test_arguments_by_name_are_checked_too():
    """A target of another shape would be broadcast, silently, to a wrong loss."""
    with pytest.raises(ValueError, match=r"target has shape \(3,\)"):
        nn.mean_squared_error(np.ones((3, 1)), target=np.ones(3))
    with pytest.raises(ValueError, match=r"W has shape \(2, 4\)"):
        nn.dense(b=np.ones(2), W=np.ones((2, 4)), x=np.ones((5, 3)))
    assert nn.dense(b=np.ones(2), W=np.ones((2, 3)), x=np.ones((5, 3))).shape == (5, 2)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "x (..., D",
        "x (..., D); W (M, D)",
        "x (N, ...)",
        "(N)",
        "x (N D)",
        "x (N, +)",
        "x (N, D) y (D)",
        "x (2H), y (H)",
    ],
)
def test_a_signature_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match="f: the shapes"):
        Signature("f", text)


@given(shape=batch_shapes, D=st.integers(0, 3))
def test_as_rows(space, shape, D):
    x = np.arange(float(np.prod(shape, dtype=int) * D)).reshape(*shape, D)
    rows = as_rows(space.array(x))
    assert space.holds(rows)
    expected = [x[index] for index in np.ndindex(*shape)]
    close(nn.to_numpy(rows), np.reshape(expected, (len(expected), D)), 0, "rows")


def test_a_form_that_fitted_once_is_known_and_its_sizes_are_the_callers_own():
    """A training step brings the same shapes again; a shape or a dtype may still differ."""
    signature = Signature("f", "x (N, D), labels int (N)")
    x, labels = np.zeros((3, 2), "float32"), np.zeros(3, int)
    for _ in range(2):
        sizes = signature.check([x, labels])
        assert sizes == {"N": 3, "D": 2}
        sizes["D"] = 7  # must not be remembered
    assert signature.check([x], {"labels": labels}) == {"N": 3, "D": 2}
    assert signature.check([x]) == {"N": 3, "D": 2}
    for wrong in (labels[:2], labels[:, None], labels.astype("float32"), [0, 0, 0]):
        for args, keywords in (([x, wrong], None), ([x], {"labels": wrong})):
            with pytest.raises((ValueError, TypeError), match="f: labels"):
                signature.check(args, keywords)
    known = signature.fit([x, labels], {})
    assert signature.fit([x[:2], labels[:2]], {}) is not known
    assert signature.fit([x.copy(), labels.copy()], {}) is known  # it was not looked at again
    for N in range(1000):  # many forms: they are forgotten, not kept for ever
        assert signature.check([np.zeros((N, 1)), np.zeros(N, int)]) == {"N": N, "D": 1}
    assert len(signature._fitting) <= 256


def test_forms_of_two_libraries_behind_one_type_are_never_compared():
    """Dual numbers are of one type over any library, and of two the dtypes may share a hash."""
    signature, x = Signature("f", "x (N)"), np.zeros(3)
    for array in (x, array_api_strict.asarray(x), x):
        assert signature.check([Dual(array, None)]) == {"N": 3}  # and no warning, which would fail
    mixed = [Dual(x, None), Dual(array_api_strict.asarray(x), None)]
    with pytest.raises(TypeError, match=r"f: b is an array of .*, the first argument one of "):
        Signature("f", "a (N), b (N)").check(mixed)


def test_other_leading_dimensions_and_sizes_of_at_least_one():
    check("a (...), b (...')", (2, 3), (5,))
    check("a (..., K+)", (0, 2))
    for text, shape, message in (
        ("a (..., K+)", (3, 0), "f: a has shape (3, 0), expected (..., K) with K ≥ 1"),
        ("a (P+, Q)", (0, 2), "f: a has shape (0, 2), expected (P, Q) with P ≥ 1"),
        ("a (P+, P)", (2, 3), "f: a has shape (2, 3), expected (P, P) with P ≥ 1"),
    ):
        with pytest.raises(ValueError, match="has shape") as caught:
            check(text, shape)
        assert str(caught.value) == message
        tally.count("bad inputs refused")
    for K, other, known in ((0, 0, "K = 0 of a, K ≥ 1"), (3, 2, "K = 3 of a")):
        with pytest.raises(ValueError, match=rf"b has shape \({other},\), .* with {known}$"):
            check("a (K), b (K+)", (K,), (other,))
    with pytest.raises(
        ValueError, match=r"c has shape \(4,\), expected \(...',\) with ...' = \(5,"
    ):
        check("a (...), b (...'), c (...')", (2,), (5,), (4,))


def test_of_two_sizes_that_differ_either_may_be_wrong():
    with pytest.raises(ValueError, match=r"^dense: W has shape .* with D = 4 of x$"):
        nn.dense(np.ones((5, 4)), np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match=r"^f: c has shape .* with ... = \(2,\) of a, D = 3 of b$"):
        check("a (...), b (D), c (..., D)", (2,), (3,), (2, 4))


@pytest.mark.parametrize("call", [lambda: nn.dense(np.ones(3), None, np.ones(2)), nn.sigmoid])
def test_none_stands_only_for_what_may_be_left_out(call):
    with pytest.raises(TypeError, match=r": (W|z) is a NoneType, expected a floating-point array"):
        call() if call is not nn.sigmoid else call(None)


def test_mixed_dtypes_are_taken_for_the_widest():
    signature = Signature("f", "x (N), labels int (N), b (N)")
    x, labels, b = np.ones(2, "float32"), np.zeros(2, "int8"), np.ones(2)
    args, keywords = signature.fitting((x, labels, b), {})
    wide, same, other = args
    assert (wide.dtype, same is labels, other is b, keywords) == ("float64", True, True, {})
    assert isinstance(args, tuple)
    args, keywords = signature.fitting((b,), {"labels": labels, "b": x})
    assert args[0] is b
    assert keywords["labels"] is labels
    assert keywords["b"].dtype == "float64"
    args, keywords = signature.fitting((x, labels), {"b": b, "more": 1})
    assert (args[0].dtype, keywords) == ("float64", {"b": b, "more": 1})
    args = (x, labels, x)
    assert signature.fitting(args, {})[0] is args


def test_what_is_left_out_has_no_dtype():
    """Among arguments of mixed dtypes, by its place or by its name."""
    signature = Signature("f", "x (N), a (N), b (N)", required={"x", "b"})
    x, b = np.ones(2, "float32"), np.ones(2)
    (wide, none, other), _ = signature.fitting((x, None, b), {})
    assert (wide.dtype, none, other is b) == ("float64", None, True)
    (wide,), keywords = signature.fitting((x,), {"a": None, "b": b})
    assert (wide.dtype, keywords) == ("float64", {"a": None, "b": b})


def test_values_have_the_shapes_behind_the_arrow():
    signature = Signature("f", "x (N, D) -> y (N), z (D)")
    sizes = signature.check([np.ones((3, 2))])
    signature.check_values((np.ones(3), np.ones(2)), sizes)
    with pytest.raises(ValueError, match=r"f: z has shape \(3,\), expected \(D,\) with D = 2 of x"):
        signature.check_values((np.ones(3), np.ones(3)), sizes)
    with pytest.raises(ValueError, match="shorter"):
        signature.check_values(np.ones(3), sizes)
    Signature("f", "x (N, D) -> y (N)").check_values(np.ones(3), sizes)
