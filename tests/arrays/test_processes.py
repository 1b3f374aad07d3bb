"""The group of devices, by what it asks of CuPy: `test_ranks_device` has it add up."""

import sys
import types

import pytest

from nnlearn.arrays.processes import group_of_devices


@pytest.fixture
def joined(monkeypatch):
    """CuPy's module and MPI's, of three processes: what is asked of them; an error to raise."""
    asked = types.SimpleNamespace(calls=[], error=None)

    def init_process_group(*args, **settings):
        if asked.error is not None:
            raise asked.error
        asked.calls.append((args, settings))
        return "the group"

    distributed = types.SimpleNamespace(init_process_group=init_process_group)
    three = types.SimpleNamespace(COMM_WORLD=types.SimpleNamespace(size=3))
    for name, module in {
        "cupyx": types.SimpleNamespace(distributed=distributed),
        "cupyx.distributed": distributed,
        "mpi4py": types.SimpleNamespace(MPI=three),
        "mpi4py.MPI": three,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    group_of_devices.cache_clear()
    yield asked
    group_of_devices.cache_clear()


def test_all_processes_are_joined_once_by_mpi(joined):
    assert [group_of_devices(3, 1) for _ in range(2)] == ["the group"] * 2
    assert joined.calls == [((3, 1), {"use_mpi": True})]


def test_some_of_them_are_refused(joined):
    with pytest.raises(ValueError, match="fit: ranks are 2 of 3 processes, expected"):
        group_of_devices(2, 1)
    assert joined.calls == []


def test_what_nccl_says_is_told_with_what_to_do(joined):
    joined.error = LookupError("no NCCL")
    told = r"fit: the ranks' devices cannot be joined \(LookupError: no NCCL\); expected NCCL, such"
    with pytest.raises(RuntimeError, match=told) as found:
        group_of_devices(3, 0)
    assert found.value.__cause__ is joined.error
