"""Formulas that are one kernel on a GPU: CuPy's own tracing takes each, and nothing else changes.

The tracing needs no GPU: it looks at the dtypes and dimensions of arrays alone. So these arrays
are CuPy's, but there is nothing where they point to.
"""

import functools
import inspect
import json
import re
import warnings

import numpy as np
import pytest
from on_double import run

import nnlearn as nn
from nnlearn.arrays import fused, fused_steps
from nnlearn.operations import few_kernels, few_kernels_recurrent
from nnlearn.training import few_kernels as rules

FORMULAS = {
    name: formula
    for module in (fused, fused_steps)
    for name, formula in vars(module).items()
    if not name.startswith("_") and hasattr(formula, "__wrapped__")
}
#: arguments that are not arrays of two dimensions: numbers, and arrays of other shapes
NUMBERS = (*("slope", "share", "rate", "mu", "eps", "least", "most", "new1", "new2", "correction"),)
OTHERS = {
    **{"top": (3, 1), "total": (3, 1), "labels": (3, 1), "classes": (4,), "dloss": ()},
    **{"b": (3, 1), "b_f": (3, 1), "b_i": (3, 1), "b_o": (3, 1), "b_c": (3, 1)},
}


def parameters(formula):
    """Return the names of a formula's arguments after `xp`; of any number, two."""
    names = []
    for parameter in list(inspect.signature(formula.__wrapped__).parameters.values())[1:]:
        many = parameter.kind is inspect.Parameter.VAR_POSITIONAL
        names += [parameter.name] * (2 if many else 1)
    return names


def real_cupy():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it finds no CUDA
        import cupy
    if not hasattr(cupy, "_core"):
        pytest.fail("this is to be looked at with the real CuPy")
    return cupy


def nowhere(cupy, shape, dtype):
    """Return an array of CuPy's that has no memory."""
    memory = cupy.cuda.UnownedMemory(2**20, 2**20, None, 0)
    return cupy.ndarray(shape, dtype, memptr=cupy.cuda.MemoryPointer(memory, 0))


def traced(function, *args):
    """Have the real CuPy write down what a function does, as `cupy.fuse` first tries it."""
    from cupy._core import fusion

    history = fusion._FusionHistory()
    fusion._thread_local.history = history
    fusion._thread_local.is_old_fusing = True
    try:
        return history.get_fusion(function, args, "kernel")[0]
    finally:
        fusion._thread_local.history = None
        fusion._thread_local.is_old_fusing = False


def trace(name, dtype):
    """Trace a formula with arrays of a dtype; return the kernel."""
    cupy = real_cupy()
    import array_api_compat.cupy as xp

    args = [
        0.5
        if p in NUMBERS
        else nowhere(cupy, OTHERS.get(p, (3, 4)), "int64" if p in ("labels", "classes") else dtype)
        for p in parameters(FORMULAS[name])
    ]
    return traced(functools.partial(FORMULAS[name].__wrapped__, xp), *args)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cupy_makes_one_kernel_of_it(name, dtype):
    """Whatever the numbers are, and all of it in the arrays' dtype."""
    kernel = trace(name, dtype)
    reduces = "xp.sum" in inspect.getsource(FORMULAS[name].__wrapped__)
    assert type(kernel).__name__ == ("ReductionKernel" if reduces else "ElementwiseKernel")
    names = parameters(FORMULAS[name])
    assert len(kernel.in_params) == len(names)  # numbers too: they are not written into the code
    code = kernel.preamble if reduces else kernel.operation
    number = "float" if dtype == "float32" else "double"
    assert {number} - {name == "rnn_step"} <= computed(code) | {number} <= {number, "bool"}


def computed(code):
    """Return the types of what a kernel's code computes."""
    return set(re.findall(r"^ *(?!return)([a-z]\w+(?: long)?) v\d+;", code, re.MULTILINE))


NOT_FUSED = [
    "a[0] + b",
    "a.T + b",
    "a + b.shape[0]",
    "a if a > b else b",
    "a @ b",
    "np.exp(a) + b",
    "2**a + b",
    "a.sum() + b",
    "float(a) + b",
    "[a, b]",
    "a.__setitem__(slice(1), b)",
    "cupy.sum(a, axis=0) + b",
    "cupy.sum(a, axis=0, keepdims=True)",
    "cupy.sum(cupy.sum(a, axis=0))",
    "cupy.where(a, a, b)",
    "cupy.concatenate([a, b])",
    "cupy.add(a, b, dtype='float64')",
]


@pytest.fixture(scope="module")
def on_the_double():
    """What the double says of each: an error, or that it fuses it."""
    code = f"""
import json, numpy as np, cupy
found = {{}}
for text in {NOT_FUSED!r}:
    a, b = (cupy.ones((3, 4), dtype="float32") for _ in range(2))
    try:
        cupy.fuse(eval(f"lambda a, b: {{text}}"))(a, b)
        found[text] = "fused"
    except Exception as error:
        found[text] = f"refused: {{error}}"
print(json.dumps(found))
"""
    return json.loads(run("-c", code))


@pytest.mark.parametrize("text", NOT_FUSED)
def test_what_cupy_does_not_fuse_the_double_refuses(text, on_the_double):
    cupy = real_cupy()
    arrays = [nowhere(cupy, (3, 4), "float32") for _ in range(2)]
    with pytest.raises(Exception):  # noqa: B017, PT011 - CuPy raises what comes
        traced(eval(f"lambda a, b: {text}", {"cupy": cupy, "np": np}), *arrays)
    assert on_the_double[text].startswith("refused"), text


def test_numbers_follow_the_arrays_but_not_one_another():
    """What is computed of numbers alone CuPy makes a float16: the double refuses it."""
    array = nowhere(real_cupy(), (3, 4), "float32")
    alone = traced(lambda a, n: a * (n * n), array, 0.5).operation
    assert computed(alone) == {"float", "float16"}
    assert computed(traced(lambda a, n: (a * n) * n, array, 0.5).operation) == {"float"}
    code = """
import cupy
a = cupy.ones(3, "float32")
print(cupy.fuse(lambda a, n: 1 - (a * n) * n)(a, 0.5).dtype)
try:
    cupy.fuse(lambda a, n: a * (n * n))(a, 0.5)
except TypeError as error:
    print(error)
"""
    dtype, error = run("-c", code).splitlines()
    assert (dtype, "float16" in error) == ("float32", True)


# --- the operations and rules that are made of them --------------------------------------------

SHAPES = {
    "rnn": [(4, 2, 3), (2, 5), (5, 3), (5, 5), (5,)],
    "gru": [(4, 2, 3), (2, 5), (15, 3), (15, 5), (15,)],
    "lstm": [(4, 2, 3), (2, 5), (2, 5), (20, 3), (20, 5), (20,)],
    "max_pool2d": [(2, 6, 6, 3)],
    "sigmoid_cross_entropy": [(4, 3), (4, 3)],
}
OPERATIONS = {
    name: getattr(nn, name)
    for module in (few_kernels, few_kernels_recurrent)
    for name, path in vars(module).items()
    if hasattr(path, "signature") and path.__module__ == module.__name__
}
SETTINGS = {
    "leaky_relu": [{}, *({"slope": slope} for slope in (0.2, 0, 1.5, -0.5, np.float64(0.3)))],
    "max_pool2d": [{}, {"size": 3, "stride": 2}, {"size": (1, 2)}, {"size": 5, "stride": 1}],
}


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def all_of(operation, arrays, dvalues, **settings):
    """Return the values of an operation and all its gradients, as NumPy's arrays."""
    values, backward = operation.forward(*arrays, **settings)
    values = as_tuple(values)
    gradients = [gradient() for gradient in backward(*dvalues[: len(values)])]
    return [nn.to_numpy(a) for a in (*values, *gradients)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_stands_for_an_operation_gives_the_same(space, name, dtype, rng):
    """Values and gradients, also in infinite numbers, ties and NaN; up to rounding."""
    operation = OPERATIONS[name]
    for settings in SETTINGS.get(name, [{}]):
        numbers = [rng.normal(size=shape) for shape in SHAPES.get(name, [(4, 3)])]
        if name in ("relu", "leaky_relu", "max_pool2d", "softplus"):
            numbers[0].flat[:9] = [0, -0.0, 1, 1, np.inf, -np.inf, np.nan, 1e4, -1e4]
        if name == "max_pool2d":  # few different numbers: most windows have ties
            numbers[0][1] = rng.integers(-1, 2, size=numbers[0][1].shape)
        arrays = [space.array(a, dtype) for a in numbers]
        if name == "softmax_cross_entropy":
            arrays.append(space.array(np.array([2, 0, 1, 1])))
        values = as_tuple(operation.plain(*arrays, **settings))
        dvalues = [space.array(rng.normal(size=v.shape), dtype) for v in values]
        kept = [nn.to_numpy(a).copy() for a in (*arrays, *dvalues)]
        ours, plain = (
            all_of(path, arrays, dvalues, **settings) for path in (operation.fused, operation.plain)
        )
        for k, (a, expected) in enumerate(zip(ours, plain, strict=True)):
            assert a.dtype == expected.dtype == dtype
            tolerance = 2e-6 if dtype == "float32" else 1e-14
            np.testing.assert_allclose(a, expected, 8 * tolerance, tolerance, err_msg=f"array {k}")
        for a, before in zip((*arrays, *dvalues), kept, strict=True):
            np.testing.assert_array_equal(nn.to_numpy(a), before)  # nothing is changed


def test_cross_entropies_are_those_of_each_row(rng):
    z, classes = rng.normal(size=(4, 3)), np.arange(3)
    labels, e = np.array([2, 0, 1, 1])[:, None], np.exp(z)
    total = e.sum(axis=-1, keepdims=True)
    found = fused.cross_entropies(z, np.zeros((4, 1)), total, labels, classes, 0.5)
    expected = -0.5 * np.log(np.take_along_axis(e / total, labels, axis=-1)[:, 0])
    np.testing.assert_allclose(found, expected, rtol=1e-13, strict=True)


def test_an_operation_asks_where_its_arrays_are(rng):
    """On NumPy the derivation runs, and its errors are those of either."""
    assert set(OPERATIONS) >= {"rnn", "lstm", "gru", "max_pool2d", "softmax_cross_entropy"}
    for name, operation in OPERATIONS.items():
        assert inspect.unwrap(operation).__module__.startswith("nnlearn.operations.")
        assert inspect.unwrap(operation).__module__ != operation.fused.__module__
        assert operation.__name__ == operation.plain.__name__ == name
    a = rng.normal(size=(2, 3))
    np.testing.assert_array_equal(nn.sigmoid(a), nn.sigmoid.plain(a))


def test_a_path_is_taken_by_arrays_that_are_fused(space):
    """And by no others; where no array comes, the derivation says what is missing."""

    @nn.differentiable("a (...)")
    def times(a, factor=2.0):
        """Product with a number."""
        return factor * a, lambda dy: factor * dy

    @nn.differentiable
    def elsewhere(a, factor=2.0):
        return -factor * a, lambda dy: -factor * dy

    either = few_kernels.with_fused(times, elsewhere)
    sign = -1 if space.name == "cupy" else 1
    for settings, factor in (({}, 2), ({"factor": 3}, 3)):
        value, backward = nn.vjp(either, space.array([0.5]), **settings)
        assert nn.to_numpy(value) == sign * factor * 0.5
        assert nn.to_numpy(backward(space.array([1.0]))) == sign * factor
    assert (either.__name__, either.__doc__) == ("times", "Product with a number.")
    with pytest.raises(TypeError, match="times: a is a NoneType, expected a floating-point array"):
        either()


@pytest.mark.parametrize("path", ["fused", "plain"])
def test_the_largest_may_stand_at_any_place_of_a_window(space, path):
    """Also of one with more places than a kernel has room for arguments."""
    x = space.array(np.eye(50)[:, None, :, None])
    y, backward = getattr(nn.max_pool2d, path).forward(x, (1, 50))
    np.testing.assert_array_equal(nn.to_numpy(y), np.ones((50, 1, 1, 1)))
    np.testing.assert_array_equal(nn.to_numpy(backward(y)[0]()), nn.to_numpy(x))


def test_an_operation_launches_as_many_kernels_as_its_docstring_says():
    """For value and gradients of the inputs; of a recurrent one, what each step more costs."""
    code = f"""
import json, numpy as np, cupy
import nnlearn as nn
SHAPES, found = {SHAPES!r}, {{}}
def kernels(operation, name, T):
    arrays = [cupy.ones(s, dtype="float32") for s in SHAPES.get(name, [(4, 6, 6, 3)])]
    if len(arrays) > 3:
        arrays[0] = cupy.ones((T, *SHAPES[name][0][1:]), dtype="float32")
    if name == "softmax_cross_entropy":
        arrays.append(cupy.zeros((4, 6, 6), dtype="int64"))
    for _ in range(2):  # the first time sets things up
        with cupy.counted() as counts:
            value, backward = operation.forward(*arrays)
            backward(*value if isinstance(value, tuple) else (value,))[0]()
    return counts["kernels"]
for name in {sorted(OPERATIONS)!r}:
    path = getattr(nn, name).fused
    found[name] = [kernels(path, name, T) for T in (3, 4)]
print(json.dumps(found))
"""
    found = json.loads(run("-c", code))
    for name, (three, four) in found.items():
        text = inspect.unwrap(OPERATIONS[name].fused).__doc__
        told = re.match(r"\d+ kernels( a step)? → (\d+)", text)
        assert int(told[2]) == (four - three if told[1] else four), f"{name}: {three}, {four}"


@pytest.mark.parametrize("space", [pytest.param("cupy", marks=pytest.mark.gpu)], indirect=True)
def test_an_operation_takes_its_path_where_there_is_one(space, rng):
    a = space.array(rng.normal(size=(2, 3)))
    for name in ("sigmoid", "softplus", "tanh"):
        value, fused_value = getattr(nn, name)(a), getattr(nn, name).fused(a)
        np.testing.assert_array_equal(value.get(), fused_value.get())
    with pytest.raises(ValueError, match="softmax_cross_entropy: labels has shape"):
        nn.softmax_cross_entropy(a, space.array([1]))
    with pytest.raises(ValueError, match="max_pool2d: the window is"):
        nn.max_pool2d(a[None, :, :, None], 4)


@pytest.mark.parametrize(
    "optimizer",
    [
        nn.SGD(0.1),
        nn.SGD(0.1, weight_decay=0.3),
        nn.SGD(0.1, momentum=0.9, weight_decay=0.3),
        nn.SGD(0.1, momentum=0.9, nesterov=True),
        nn.Adam(0.1),
        nn.Adam(0.1, weight_decay=0.3),
    ],
    ids=lambda o: f"{type(o).__name__}-{vars(o)}"[:60],
)
def test_what_stands_for_a_rule_takes_the_same_steps(space, optimizer, rng):
    """Also where a gradient is so large that its square is not a number of float32."""
    stands_for = {"SGD": rules.sgd, "Adam": rules.adam}[type(optimizer).__name__]
    numbers = rng.normal(size=(3, 7)).astype(np.float32)
    numbers[1, :3] = [1e30, -1e30, 0]
    ours, plain = ([space.array(numbers[0]) for _ in range(3)] for _ in range(2))
    for steps in (1, 2, 3):
        optimizer.steps = steps
        for arrays, update in (
            (ours, functools.partial(stands_for, optimizer)),
            (plain, optimizer.update),
        ):
            memory = arrays[1 : 1 + len(optimizer.remembers)]
            for a in memory if steps == 1 else ():
                a[...] = 0.0
            update(space.xp, arrays[0], space.array(numbers[steps % 3]), *memory)
    for a, expected in zip(ours, plain, strict=True):
        assert nn.to_numpy(a).dtype == "float32"
        np.testing.assert_allclose(nn.to_numpy(a), nn.to_numpy(expected), 2e-6, 1e-7)
