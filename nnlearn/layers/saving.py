"""A model and its parameters in one file that others can read too, and that runs nothing.

The format is safetensors: named arrays after a header of JSON. In the header stands the model:
the classes of its layers and what their constructors were given, and a checksum of each array.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save as as_safetensors

from nnlearn.arrays.backend import asarray, to_numpy
from nnlearn.files import write_atomically
from nnlearn.layers.as_json import all_layers, classes, described, made
from nnlearn.layers.layer import Layer
from nnlearn.parameters import Parameters, checksum

_FORMAT = 2  # 1 had one checksum for all arrays
_LONGEST_HEADER = 2**24  # bytes; what is read of it takes some twenty times as much memory
_DTYPES = ("float32", "float64")


def save(path: str | Path, model: Layer, params: Parameters) -> None:
    """Write a model and its parameters, with their state, to one file, atomically.

    Parameters
    ----------
    path : str or Path
        Such as ``"digits.safetensors"``; its folder must exist.
    model : layer or model
        Initializers are written by name where they are functions of `nn.initializers`; others
        are left out, as trained parameters do not need them.
    params : Parameters

    Raises
    ------
    TypeError
        If the model or the parameters are none.
    ValueError
        If the parameters are not those of the model, or a layer cannot be made again from what
        its constructor was given.

    Examples
    --------
    >>> import nnlearn as nn
    >>> model = nn.Sequential(nn.Dense(3, 2), nn.ReLU())
    >>> nn.save("small.safetensors", model, model.init())
    >>> again, params = nn.load("small.safetensors")
    >>> again
    Sequential(Dense(3, 2), ReLU())
    """
    if not isinstance(model, Layer) or not isinstance(params, Parameters):
        raise TypeError(
            f"save: model is {type(model).__name__} and params {type(params).__name__}, expected "
            "save(path, model, params)"
        )
    _check_form(model, params)
    description = described(model)
    own = {type(layer).__name__: type(layer) for layer in all_layers(model)}
    again = made(description, classes(own.values()))
    if _shapes(again.parameters()) != _shapes(model.parameters()):
        raise ValueError(
            f"save: {model!r} cannot be made again from its settings; a layer of your own keeps "
            "each argument of its constructor as an attribute of the same name"
        )
    tensors = {f"params.{name}": to_numpy(a) for name, a in params.items()}
    if params.state is not None:
        tensors |= {f"state.{name}": to_numpy(a) for name, a in params.state.items()}
    contents = {"model": description, "crc32": {name: checksum(a) for name, a in tensors.items()}}
    header = {"format": _FORMAT, "crc32": _checked_text(contents), "contents": contents}
    packed = {name: np.asarray(a, order="C") for name, a in tensors.items()}  # as it reads memory
    write_atomically(path, as_safetensors(packed, {"nnlearn": json.dumps(header)}))


def _check_form(model: Layer, params: Parameters) -> None:
    """Refuse parameters of another model, and dtypes that a model does not have."""
    state = params.state if params.state is not None else {}
    for what, given, declared in (
        ("params", params, model.parameters()),
        ("params.state", state, model.state()),
    ):
        shapes = {name: tuple(a.shape) for name, a in given.items()}
        if shapes != _shapes(declared):
            raise ValueError(
                f"save: {what} has {_listed(shapes)}, expected what the model has, "
                f"{_listed(_shapes(declared))}"
            )
    dtype = to_numpy(params.vector).dtype
    if dtype not in _DTYPES:
        raise ValueError(f"save: params has dtype {dtype}, expected {' or '.join(_DTYPES)}")


def load(path: str | Path, layers: Iterable[type[Layer]] = ()) -> tuple[Layer, Parameters]:
    """Read what `save` wrote: the model, and its parameters on the current backend.

    Parameters
    ----------
    path : str or Path
    layers : iterable of class
        Layers of your own that the model holds. No other classes than these and the package's
        are made, and nothing of the file is run.

    Returns
    -------
    model : layer or model
    params : Parameters

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or was not written by `save`, or by a newer one, or holds an
        unknown layer. A file of an earlier nnlearn is read.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"load: there is no file {path}")
    known = classes(layers)
    try:
        contents, tensors = _read(path)
        model = made(contents["model"], known)
        params = _parameters(model, contents, tensors)
    except Exception as error:  # a damaged file may fail in any way that reading can
        reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(f"load: {path} cannot be read: {reason}") from error
    return model, params


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header's contents and the arrays; refuse a header that is damaged."""
    with open(path, "rb") as start:
        length = int.from_bytes(start.read(8), "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header has {length} bytes, expected at most {_LONGEST_HEADER}")
    with safe_open(path, framework="numpy") as file:
        text = (file.metadata() or {}).get("nnlearn")
        if text is None:
            raise ValueError("it was not written by nn.save")
        header = json.loads(text)
        if header["format"] not in range(1, _FORMAT + 1):
            raise ValueError(
                f"its format is {header['format']!r}, expected at most {_FORMAT}; a newer nnlearn "
                "wrote it"
            )
        if header["crc32"] != _checked_text(header["contents"]):
            raise ValueError("it is damaged: its header has another checksum")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return header["contents"], tensors


def _parameters(
    model: Layer, contents: Mapping[str, Any], tensors: Mapping[str, Any]
) -> Parameters:
    """Check the arrays against the model, and put them into one vector, and one of the state."""
    expected = {f"params.{name}": shape for name, shape in _shapes(model.parameters()).items()}
    expected |= {f"state.{name}": shape for name, shape in _shapes(model.state()).items()}
    for name in {**expected, **tensors}:
        if name not in tensors or name not in expected:
            raise ValueError(
                f"the array {name!r} is {'missing' if name in expected else 'unknown'}"
            )
        a = tensors[name]
        if a.shape != expected[name] or a.dtype not in _DTYPES:
            raise ValueError(
                f"the array {name!r} has shape {a.shape} and dtype {a.dtype}, expected "
                f"{expected[name]} and one of {', '.join(_DTYPES)}"
            )
    _check_checksums(contents, tensors)
    state = None
    if model.state():
        state = _vector("state.", _shapes(model.state()), tensors)
    return _vector("params.", _shapes(model.parameters()), tensors, state)


def _check_checksums(contents: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    """Refuse arrays that are not those that were written; say which."""
    known = contents["crc32"]
    if isinstance(known, str):
        if known != checksum(*(tensors[name] for name in contents["tensors"])):
            raise ValueError("it is damaged: its arrays have another checksum")
        return
    for name, a in tensors.items():
        if known.get(name) != checksum(a):
            raise ValueError(f"it is damaged: its array {name!r} has another checksum")


def _vector(
    prefix: str,
    shapes: Mapping[str, tuple[int, ...]],
    tensors: Mapping[str, Any],
    state: Parameters | None = None,
) -> Parameters:
    arrays = [np.ravel(tensors[prefix + name]) for name in shapes]
    vector = np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.float32)
    return Parameters(asarray(vector), shapes, state)


def _shapes(declared: Mapping[str, tuple[tuple[int, ...], Any]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(shape) for name, (shape, _) in declared.items()}


def _listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "none"


def _checked_text(contents: Any) -> str:
    text = json.dumps(contents, sort_keys=True)
    return checksum(np.frombuffer(text.encode(), dtype=np.uint8))
