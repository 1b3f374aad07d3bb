"""Why CuPy cannot be used on this machine, if it cannot, and what to do."""

import os
import warnings
from typing import Any

INSTALL = (
    "Install it for the CUDA version that nvidia-smi names: pip install cupy-cuda12x, or "
    "cupy-cuda13x"
)


def cupy_or_none() -> Any:
    """Return CuPy; None if it is not installed, or does not import."""
    return _imported()[0]


def _imported() -> tuple[Any, str]:
    """Return CuPy, or None and why it cannot be had."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it finds no CUDA: told better below
            import cupy
    except ImportError:
        return None, f"CuPy is not installed, or does not import. {INSTALL}"
    except OSError as error:
        return None, (
            f"CuPy finds no folder for the kernels that it compiles ({error}). Set CUPY_CACHE_DIR "
            "to one that can be written, if the home folder cannot"
        )
    return cupy, ""


def described() -> str:
    """Say which CuPy there is, and which GPU it computes on, as far as can be told."""
    cupy = cupy_or_none()
    if cupy is None:
        return "none"
    runtime = cupy.cuda.runtime
    words = f"CuPy {cupy.__version__} for CUDA {runtime.runtimeGetVersion() // 1000}"
    if trouble() is not None:
        return words
    name = runtime.getDeviceProperties(0)["name"].decode()
    free, whole = (size / 2**30 for size in runtime.memGetInfo())
    driver = runtime.driverGetVersion() // 1000
    return f"{words}, driver for CUDA {driver}, {name}, {free:.0f} of {whole:.0f} GiB free"


def trouble() -> str | None:
    """Say what keeps CuPy from computing, and what to do about it; None if nothing does."""
    cupy, why = _imported()
    if cupy is None:
        return why
    runtime = cupy.cuda.runtime
    built, driver = (v() // 1000 for v in (runtime.runtimeGetVersion, runtime.driverGetVersion))
    if driver == 0:
        return (
            "there is no NVIDIA driver. On a machine with an NVIDIA GPU, install its driver, until "
            "nvidia-smi runs; on any other, use NumPy"
        )
    if driver < built:
        return (
            f"CuPy is made for CUDA {built}, and the driver knows CUDA {driver} at most. "
            f"pip uninstall cupy-cuda{built}x, then pip install cupy-cuda{driver}x; or install a "
            "newer driver"
        )
    return _trouble_of_device(cupy)


def _trouble_of_device(cupy: Any) -> str | None:
    """Say what is wrong where there is a driver: no device, or one that does not compute."""
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CUDA's errors have no type that is there without CUDA
        return f"the driver finds no GPU ({error}){_hidden()}"
    if count == 0:
        return f"the driver finds no GPU{_hidden()}"
    try:
        cupy.zeros(1).get()
    except Exception as error:
        return f"the GPU does not compute ({type(error).__name__}: {error})"
    return None


def _hidden() -> str:
    """Say which devices CUDA_VISIBLE_DEVICES leaves, if it is set: it may hide all of them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if visible is None else f"; CUDA_VISIBLE_DEVICES is {visible!r}, which may hide it"
