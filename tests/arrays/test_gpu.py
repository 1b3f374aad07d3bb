"""What keeps CuPy from a GPU: each case is told from the others, and says what to do."""

import re
import sys
import types
import warnings

import pytest

import nnlearn as nn
from nnlearn.arrays import gpu


class NoDevice(Exception):
    """As CUDA raises it."""


def cupy(built=12090, driver=13000, devices=1, computes=True):
    """Make a module that answers as CuPy does on some machine."""

    def count():
        if isinstance(devices, Exception):
            raise devices
        return devices

    def zeros(size):
        if not computes:
            raise NoDevice("cudaErrorNoKernelImageForDevice")
        return types.SimpleNamespace(get=lambda: [0.0] * size)

    runtime = types.SimpleNamespace(
        runtimeGetVersion=lambda: built, driverGetVersion=lambda: driver, getDeviceCount=count
    )
    module = types.ModuleType("cupy")
    runtime.getDeviceProperties = {0: {"name": b"a GPU"}}.__getitem__
    runtime.memGetInfo = lambda: (2**31, 2**32)
    module.cuda, module.zeros = types.SimpleNamespace(runtime=runtime), zeros
    module.__version__ = "14.2.0"
    return module


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({}, None),
        ({"built": 13000, "driver": 13010}, None),
        ({"driver": 0}, "no NVIDIA driver.*install its driver.*use NumPy"),
        (
            {"built": 13000, "driver": 12080},
            "made for CUDA 13, and the driver knows CUDA 12.*uninstall cupy-cuda13x.*cupy-cuda12x",
        ),
        ({"devices": NoDevice("cudaErrorNoDevice")}, r"finds no GPU \(cudaErrorNoDevice\)$"),
        ({"devices": 0}, "the driver finds no GPU$"),
        ({"computes": False}, "does not compute .NoDevice: cudaErrorNoKernelImage"),
    ],
)
def test_each_trouble_is_told(machine, said, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "cupy", cupy(**machine))
    found = gpu.trouble()
    assert (found is None) if said is None else re.search(said, found), found


@pytest.mark.gpu
def test_a_device_is_named_by_its_number():
    """It becomes the current one; a number too many is told."""
    module = gpu.cupy_or_none()
    if gpu.trouble() is not None:
        pytest.skip("no GPU")
    count = module.cuda.runtime.getDeviceCount()
    try:
        nn.use_backend("cupy", device=count - 1)
        assert nn.asarray(1.0).device == module.cuda.Device(count - 1)
        with pytest.raises(RuntimeError, match=r"'cupy' cannot be used here .*invalid device"):
            nn.use_backend("cupy", device=count)
    finally:
        module.cuda.Device(0).use()
        nn.use_backend("numpy")


def test_hidden_devices_are_named(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setitem(sys.modules, "cupy", cupy(devices=0))
    assert "CUDA_VISIBLE_DEVICES is '', which may hide it" in gpu.trouble()


def test_a_cupy_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # an import then fails
    assert gpu.cupy_or_none() is None
    assert "not installed" in gpu.trouble()
    assert "cupy-cuda12x" in gpu.trouble()
    assert gpu.described() == "none"


def test_what_cupy_warns_of_is_told_better(monkeypatch, tmp_path):
    """It warns that it finds no CUDA: `trouble` says so, and what to do."""
    (tmp_path / "cupy.py").write_text("import warnings\nwarnings.warn('no CUDA')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    with warnings.catch_warnings(action="error"):
        assert gpu.cupy_or_none() is sys.modules["cupy"]


def test_a_cupy_without_a_home_to_write_to_is_told(monkeypatch, tmp_path):
    """Such as of a service's user: CuPy makes a folder while it is imported."""
    (tmp_path / "cupy.py").write_text("import os\nos.makedirs('/dev/null/nobody/.cupy')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    assert gpu.cupy_or_none() is None
    assert "/dev/null/nobody" in gpu.trouble()
    assert "Set CUPY_CACHE_DIR" in gpu.trouble()
    assert gpu.described() == "none"
    with pytest.raises(RuntimeError, match=r"'cupy' cannot be used here: .*CUPY_CACHE_DIR"):
        nn.use_backend("cupy")


def test_what_is_there_is_described(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", cupy())
    expected = "CuPy 14.2.0 for CUDA 12, driver for CUDA 13, a GPU, 2 of 4 GiB free"
    assert gpu.described() == expected
    monkeypatch.setitem(sys.modules, "cupy", cupy(driver=0))
    assert gpu.described() == "CuPy 14.2.0 for CUDA 12"
