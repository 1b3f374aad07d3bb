"""The backend: where new arrays are made, and that CuPy has every name that is used of it."""

import ast
import inspect
import re

import array_api_strict
import numpy as np
import pytest
from paths import PACKAGE

import nnlearn as nn
from nnlearn.arrays import backend

# The exercises run on NumPy alone: their judges and commands are no code for a device.
MODULES = sorted(set(PACKAGE.rglob("*.py")) - set((PACKAGE / "exercises").rglob("*.py")))


@pytest.fixture(autouse=True)
def _numpy_afterwards(monkeypatch):
    """The current backend is a global: give it back as it was."""
    monkeypatch.setattr(backend, "_current", None)
    monkeypatch.delenv("NNLEARN_BACKEND", raising=False)


# --- the current backend -----------------------------------------------------------------------


def test_numpy_is_the_default():
    assert nn.backend_name() == "numpy"
    assert isinstance(nn.asarray([1.0]), np.ndarray)


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("NNLEARN_BACKEND", "array_api_strict")
    assert nn.backend_name() == "array_api_strict"
    assert nn.array_namespace(nn.asarray([1.0])) is array_api_strict


def test_use_backend_decides_where_new_arrays_are(space):
    space.use()
    assert space.holds(nn.asarray([1.0]))
    params = nn.Sequential(nn.Dense(2, 3), nn.BatchNorm(3)).init(seed=0)
    assert space.holds(params.vector)
    assert space.holds(params.state.vector)
    x, y, _ = nn.data.load_breast_cancer()
    assert space.holds(x)
    assert space.holds(y)


def test_initial_values_are_the_same_bits_everywhere(space):
    model = nn.Sequential(nn.Dense(3, 4, initializer=nn.initializers.glorot), nn.Dense(4, 2))
    here = model.init(seed=3).vector
    space.use()
    np.testing.assert_array_equal(here, nn.to_numpy(model.init(seed=3).vector))


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match=r"use_backend: name is 'jax', expected .*'cupy'"):
        nn.use_backend("jax")


def test_a_backend_that_cannot_be_used_says_so(monkeypatch):
    monkeypatch.setitem(backend._NAMESPACES, "array_api_strict", "a_module_that_is_not_there")
    with pytest.raises(RuntimeError, match=r"'array_api_strict' cannot be used here.*ModuleNotFo"):
        nn.use_backend("array_api_strict")
    monkeypatch.setattr(backend.gpu, "trouble", lambda: "no driver. Install it")
    with pytest.raises(RuntimeError, match=r"'cupy' cannot be used here: no driver. Install it"):
        nn.use_backend("cupy")
    assert nn.backend_name() == "numpy"


def test_a_device_that_is_not_there_is_told_at_once():
    for name in ("numpy", "torch"):
        with pytest.raises(RuntimeError, match=f"use_backend: '{name}' cannot be used here"):
            nn.use_backend(name, device="a toaster")
    assert nn.backend_name() == "numpy"


def test_what_a_user_may_compute_with():
    assert backend.BACKENDS == ("numpy", "cupy", "torch")


# --- asarray, to_numpy -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1.5, None, "float32"),
        ([1.0, 2.0], None, "float32"),
        ([1, 2], None, "int64"),
        ([1.0], "float64", "float64"),
        (np.array([1.0]), None, "float64"),
        (np.array([1.0], dtype="float32"), None, "float32"),
        (np.array([1.0]), "float32", "float32"),
        (np.array([True]), None, "bool"),
    ],
)
def test_asarray_and_back(space, value, dtype, expected):
    space.use()
    a = nn.asarray(value, dtype)
    assert space.holds(a)
    back = nn.to_numpy(a)
    assert type(back) is np.ndarray
    assert back.dtype == expected
    np.testing.assert_array_equal(back, value)


def test_asarray_takes_a_dtype_as_well_as_its_name():
    assert nn.asarray([1.0], np.float64).dtype == "float64"
    nn.use_backend("array_api_strict")
    assert nn.asarray([1.0], array_api_strict.float64).dtype == array_api_strict.float64


def test_a_dtype_that_is_not_there_is_refused(space):
    space.use()
    with pytest.raises(ValueError, match="asarray: dtype is 'flaot32', expected one such as 'floa"):
        nn.asarray([1.0], "flaot32")


def test_asarray_moves_between_libraries(space):
    space.use()
    elsewhere = array_api_strict.asarray([1.0, 2.0], device=array_api_strict.Device("device2"))
    a = nn.asarray(elsewhere)
    assert space.holds(a)
    np.testing.assert_array_equal(nn.to_numpy(a), [1.0, 2.0])


def test_to_numpy_does_not_copy_what_is_there():
    a = np.ones(3)
    assert nn.to_numpy(a) is a
    for other, expected in ((array_api_strict.asarray(a), a), ([1, 2], [1, 2]), (np.float64(2), 2)):
        made = nn.to_numpy(other)
        assert type(made) is np.ndarray
        np.testing.assert_array_equal(made, expected, strict=False)


# --- following the arrays ----------------------------------------------------------------------


def test_array_namespace(space):
    a = space.array([1.0])
    assert nn.array_namespace(a, None, a) is space.xp


def test_two_libraries_are_not_mixed():
    with pytest.raises(TypeError):
        nn.array_namespace(np.ones(1), array_api_strict.ones(1))
    with pytest.raises(TypeError):
        nn.array_namespace([1.0])
    for nothing in ((), (None,)):
        with pytest.raises(TypeError):
            nn.array_namespace(*nothing)


def test_libraries_that_were_mixed_are_named_once():
    here, there = np.ones(1), array_api_strict.ones(1)
    kinds = r"numpy\.ndarray, array_api_strict\.\w+\.Array"
    with pytest.raises(TypeError, match=f"these came: {kinds};"):
        nn.array_namespace(here, there, here, there)


def test_kinds_of_dtype(space):
    for name in ("float32", "float64"):
        dtype = space.array([1], name).dtype
        assert backend.is_floating(dtype)
        assert not backend.is_integer(dtype)
    for name in ("int8", "int32", "int64", "uint8"):
        dtype = space.array([1], name).dtype
        assert backend.is_integer(dtype)
        assert not backend.is_floating(dtype)
    for name in ("bool", "complex128"):
        dtype = space.array([1], name).dtype
        assert not backend.is_integer(dtype)
        assert not backend.is_floating(dtype)


def test_dtypes_of_two_libraries_meet():
    """A table of NumPy's dtypes and strict ones compares no two of them (which would warn)."""
    for dtype in (np.dtype("float32"), array_api_strict.float32, np.float32):
        assert backend.is_floating(dtype) or dtype is np.float32


# --- CuPy has what is asked of it, looked up without a GPU -------------------------------------


def uses_of_a_namespace(tree):
    """Find every ``xp.name`` and its keywords: ``array_namespace(…).name`` counts too."""
    called = {id(n.func): [k.arg for k in n.keywords] for n in ast.walk(tree) if _is_call(n)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (path := _path(node)):
            yield node.lineno, path, called.get(id(node), [])


def _is_call(node):
    return isinstance(node, ast.Call)


def _path(node):
    """Return ``["random", "default_rng"]`` of ``xp.random.default_rng``, or None."""
    names = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    by_name = isinstance(node, ast.Name) and node.id == "xp"
    by_call = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("array_namespace")
    return names if by_name or by_call else None


def problem_with(namespace, path, keywords):
    """Say what a namespace lacks of a name and its keywords; None if nothing."""
    thing = namespace
    for name in path:
        if not hasattr(thing, name):
            return f"{'.'.join(path)} is not there"
        thing = getattr(thing, name)
    try:
        parameters = inspect.signature(thing).parameters
    except (TypeError, ValueError):  # a ufunc
        parameters = dict.fromkeys(["out", "dtype"])
    open_end = any(p and p.kind is p.VAR_KEYWORD for p in parameters.values())
    missing = [k for k in keywords if k not in parameters and not open_end]
    return f"{'.'.join(path)} takes no {', '.join(missing)}" if missing else None


@pytest.mark.filterwarnings("ignore")  # CuPy says that it finds no CUDA
def test_cupy_has_every_name_and_keyword_that_is_used():
    import array_api_compat.cupy as cupy_namespace

    problems, seen = [], set()
    for module in MODULES:
        for line, path, keywords in uses_of_a_namespace(ast.parse(module.read_text())):
            seen.add(path[0])
            problem = problem_with(cupy_namespace, path, keywords)
            if problem:
                problems.append(f"{module.name}:{line}: {problem}")
    assert not problems, "\n".join(problems)
    assert {"exp", "where", "random", "matmul", "empty_like", "take"} <= seen


@pytest.mark.filterwarnings("ignore")
def test_the_search_for_missing_names_finds_them():
    import array_api_compat.cupy as cupy_namespace

    text = "xp.vecdot(a)\nxp.sum(x, axes=0)\narray_namespace(x).unstack(x)\nxp.sum(x, axis=0)"
    problems = [
        problem_with(cupy_namespace, path, keywords)
        for _, path, keywords in uses_of_a_namespace(ast.parse(text))
    ]
    assert problems.count(None) == len(problems) - 1 - sum(
        not hasattr(cupy_namespace, name) for name in ("vecdot", "unstack")
    )
    assert "sum takes no axes" in problems


@pytest.mark.filterwarnings("ignore")
def test_cupy_arrays_have_the_attributes_that_are_used():
    import cupy

    for name in ("T", "shape", "ndim", "size", "dtype", "device", "__matmul__", "__setitem__"):
        assert hasattr(cupy.ndarray, name), name


def test_the_modules_are_found():
    """A search that finds nothing would pass every test below."""
    folders = {module.parent.name for module in MODULES}
    assert folders >= {"nnlearn", "arrays", "operations", "layers", "training", "data", "book"}
    assert len(MODULES) >= 40


def test_only_arrays_knows_the_libraries():
    """No module outside that folder asks which library it has: operations follow their arrays."""
    for module in MODULES:
        if module.parent.name != "arrays":
            assert not re.search(r"cupy|array_api_", module.read_text()), module.name
