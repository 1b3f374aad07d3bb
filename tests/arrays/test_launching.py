"""Who started this process, and what it takes when it is one of several."""

import locale
import sys
import types

import pytest

from nnlearn.arrays import launching
from nnlearn.arrays.launching import Launched, own_device, use_backend_on, world


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, None),
        ({"PMI_RANK": "3", "PMI_SIZE": "4"}, (3, 4)),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}, (0, 2)),
        ({"PMIX_RANK": "5"}, (5, None)),
        ({"PMIX_RANK": "5", "PMIX_SIZE": "6"}, (5, 6)),
    ],
)
def test_the_launcher_is_noticed(variables, told, monkeypatch):
    for name in (name for pair in launching._VARIABLES for name in pair):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launching.launched() == told


def test_mpi_starts_where_i_is_the_small_letter_of_I(tmp_path, monkeypatch):
    (tmp_path / "mpi4py").mkdir()
    (tmp_path / "mpi4py/__init__.py").touch()
    told = "import locale\nletters = locale.setlocale(locale.LC_CTYPE)\n"
    (tmp_path / "mpi4py/MPI.py").write_text(told)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "mpi4py"]:
        monkeypatch.delitem(sys.modules, name)
    before = locale.setlocale(locale.LC_CTYPE)
    assert before != "C"
    try:
        assert launching.started_mpi().letters == "C"
        assert locale.setlocale(locale.LC_CTYPE) == before
    finally:
        for name in ("mpi4py.MPI", "mpi4py"):
            sys.modules.pop(name, None)


# --- the world ------------------------------------------------------------------------------------


def mpi(size):
    """Stand in for mpi4py's module of that name, in a world of so many processes."""
    version = "MPICH Version: 5.0\nof a day in spring\n"
    communicator = types.SimpleNamespace(size=size)
    return types.SimpleNamespace(COMM_WORLD=communicator, Get_library_version=lambda: version)


@pytest.mark.parametrize("told", [None, Launched(0, None), Launched(2, 3)])
def test_the_world_has_as_many_as_the_launcher_tells(told, monkeypatch):
    three = mpi(3)
    monkeypatch.setattr(launching, "started_mpi", lambda: three)
    monkeypatch.setattr(launching, "launched", lambda: told)
    assert world() is three.COMM_WORLD


def test_a_world_that_others_do_not_share_is_refused(monkeypatch):
    monkeypatch.setattr(launching, "started_mpi", lambda: mpi(1))
    monkeypatch.setattr(launching, "launched", lambda: Launched(0, 2))
    told = "^2 processes were started, and mpi4py, with MPICH Version: 5.0, sees 1: the mpiexec is"
    with pytest.raises(RuntimeError, match=told):
        world()


@pytest.mark.parametrize("kind", [ImportError, RuntimeError])
def test_without_an_mpi_it_says_what_to_install(kind, monkeypatch):
    def missing():
        raise kind("it is not there")

    monkeypatch.setattr(launching, "started_mpi", missing)
    with pytest.raises(
        RuntimeError, match=r"cannot be used \(it is not there\): pip install mpi4py"
    ):
        world()


# --- what each takes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "processes", "device"),
    [
        ("numpy", None, None),
        ("numpy", 4, None),
        ("cupy", None, None),
        ("cupy", 1, None),
        ("cupy", 2, 7),
    ],
)
def test_only_one_of_several_takes_a_device_of_its_own(name, processes, device, monkeypatch):
    seen = []
    communicator = processes and types.SimpleNamespace(size=processes)
    monkeypatch.setattr(launching, "use_backend", lambda *given: seen.append(given))
    monkeypatch.setattr(launching, "own_device", lambda given: 7 if given is communicator else None)
    use_backend_on(name, communicator)
    assert seen == [(name, device)]


@pytest.mark.parametrize(("rank", "devices", "own"), [(0, 1, 0), (1, 1, 0), (2, 4, 2), (5, 3, 2)])
def test_the_devices_of_a_machine_are_taken_in_turn(rank, devices, own, monkeypatch):
    """By the rank on that machine, not in the world."""
    freed = []
    here = types.SimpleNamespace(rank=rank, Free=lambda: freed.append(True))
    by_kind = {"shared": here}
    everywhere = types.SimpleNamespace(rank=rank + 9, Split_type=by_kind.get)
    runtime = types.SimpleNamespace(getDeviceCount=lambda: devices)
    cupy = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime))
    mpi4py = types.SimpleNamespace(MPI=types.SimpleNamespace(COMM_TYPE_SHARED="shared"))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "mpi4py", mpi4py)
    assert own_device(everywhere) == own
    assert freed == [True]
