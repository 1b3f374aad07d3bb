"""Blocks of examples over all cores: every block once, in order, and BLAS as it was."""

import multiprocessing
import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

import nnlearn as nn
from nnlearn.arrays import parallel


def blas_threads():
    blas = ThreadpoolController().select(user_api="blas")
    return max(library["num_threads"] for library in blas.info())


@pytest.fixture(params=[1, 2])
def threads(request):
    """BLAS is granted one thread, or two."""
    with ThreadpoolController().limit(limits=request.param, user_api="blas"):
        assert blas_threads() == request.param
        yield request.param


@pytest.mark.parametrize("count", [0, 1, 2, 7, 33])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_every_example_is_in_one_block_and_the_results_are_in_order(
    threads, monkeypatch, count, size
):
    monkeypatch.setattr(parallel, "BLOCK", 10 * size)
    found = parallel.in_blocks(lambda n: list(range(count))[n], np.zeros((count, 2)), 10)
    assert [i for block in found for i in block] == list(range(count))
    assert len(found) == max(1, -(-count // size))
    assert blas_threads() == threads
    ends = parallel.in_blocks(lambda n: n.stop, np.zeros((count, 2)), 10)
    assert ends == sorted(set(ends))
    assert ends[-1] == count


def test_two_threads_work_at_the_same_time(monkeypatch):
    monkeypatch.setattr(parallel, "BLOCK", 1)
    meeting = threading.Barrier(2, timeout=30)  # passes only if both are there
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        parallel.in_blocks(lambda n: meeting.wait(), np.zeros(2), 1)


def test_blas_has_one_thread_inside_and_its_own_number_again_after(threads, monkeypatch):
    monkeypatch.setattr(parallel, "BLOCK", 1)
    inside = parallel.in_blocks(lambda n: blas_threads(), np.zeros(4), 1)
    assert inside == [1] * 4
    with parallel.all_cores() as outer, parallel.all_cores() as inner:
        assert (outer, inner) == (threads, threads)
        assert blas_threads() == 1
    assert blas_threads() == threads


def test_what_was_granted_before_is_forgotten():
    for limit in (2, 1, 2, 1):
        granted = ThreadpoolController().limit(limits=limit, user_api="blas")
        with granted, parallel.all_cores() as threads:
            assert threads == limit


def test_who_comes_after_another_thread_has_all_cores_again(threads):
    found = []

    def take():
        with parallel.all_cores() as granted:
            found.append(granted)

    with parallel.all_cores():
        pass
    other = threading.Thread(target=take)
    other.start()
    other.join()
    assert found == [threads]


def test_helping_threads_have_a_name(monkeypatch):
    monkeypatch.setattr(parallel, "BLOCK", 1)
    meeting = threading.Barrier(2, timeout=30)

    def work(n):
        meeting.wait()
        return threading.current_thread().name

    with ThreadpoolController().limit(limits=2, user_api="blas"):
        names = parallel.in_blocks(work, np.zeros(2), 1)
    assert any(name.startswith("nnlearn") for name in names)


def test_an_error_in_a_block_reaches_the_caller_and_leaves_blas_as_it_was(threads, monkeypatch):
    monkeypatch.setattr(parallel, "BLOCK", 1)

    def work(n):
        if n.start == 3:
            raise IndexError("block three")

    with pytest.raises(IndexError, match="block three"):
        parallel.in_blocks(work, np.zeros(8), 1)
    assert blas_threads() == threads
    assert parallel.in_blocks(lambda n: n.start, np.zeros(3), 1) == [0, 1, 2]


def test_a_second_caller_works_alone_while_the_first_has_the_cores(threads):
    found = []
    with parallel.all_cores():
        other = threading.Thread(target=lambda: found.append(parallel.all_cores().__enter__()))
        other.start()
        other.join()
    assert found == [1]
    assert blas_threads() == threads


def test_numpys_settings_hold_in_every_block(threads, monkeypatch):
    monkeypatch.setattr(parallel, "BLOCK", 1)
    huge = np.full((6, 1), 1e38, dtype=np.float32)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        parallel.in_blocks(lambda n: huge[n] * huge[n], huge, 1)
    with np.errstate(over="ignore"):
        assert np.isinf(parallel.in_blocks(lambda n: huge[n] * huge[n], huge, 1)).all()


def convolution():
    generator = np.random.default_rng(0)
    x, K = generator.normal(size=(40, 20, 20, 3)), generator.normal(size=(5, 5, 3, 4))
    z, backward = nn.vjp(nn.conv2d, x, K, stride=2, padding=1)
    return z, *backward(np.cos(z))


def test_the_same_bits_on_one_thread_and_on_two(monkeypatch):
    monkeypatch.setattr(parallel, "BLOCK", 20_000)
    found = []
    for limit in (1, 2, 2):
        with ThreadpoolController().limit(limits=limit, user_api="blas"):
            found.append(convolution())
    for arrays in found[1:]:
        for a, b in zip(found[0], arrays, strict=True):
            assert np.array_equal(a, b)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 and newer
def test_a_forked_child_makes_threads_of_its_own(monkeypatch):
    if "fork" not in multiprocessing.get_all_start_methods():
        return  # then there is nothing to go wrong
    monkeypatch.setattr(parallel, "BLOCK", 20_000)
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        convolution()  # the parent has its pool now
        child = multiprocessing.get_context("fork").Process(target=convolution)
        child.start()
        child.join(60)
    assert child.exitcode == 0


class Unasked:
    """A BLAS that threadpoolctl does not see, as Apple's Accelerate: any other call would fail."""

    def info(self):
        return []


@pytest.mark.parametrize(
    ("granted", "threads"), [("", 3), ("1", 1), ("5", 5), ("many", 3), ("0", 3)]
)
def test_where_blas_cannot_be_asked_the_cores_are_counted(monkeypatch, granted, threads):
    monkeypatch.setattr(parallel, "_blas", Unasked)
    cores = {0: {0, 4, 5}}.__getitem__  # of process 0, which is the one that asks
    monkeypatch.setattr(parallel.os, "sched_getaffinity", cores, raising=False)
    monkeypatch.setenv("VECLIB_MAXIMUM_THREADS", granted)
    with parallel.all_cores() as outer, parallel.all_cores() as inner:
        assert (outer, inner) == (threads, threads)
    monkeypatch.setattr(parallel, "BLOCK", 1)
    meeting = threading.Barrier(threads, timeout=30)  # passes only if all of them are there
    parallel.in_blocks(lambda n: meeting.wait(), np.zeros(threads), 1)


def test_without_a_list_of_its_cores_a_machine_counts_them_all(monkeypatch):
    monkeypatch.setattr(parallel, "_blas", Unasked)
    monkeypatch.delattr(parallel.os, "sched_getaffinity", raising=False)
    monkeypatch.delenv("VECLIB_MAXIMUM_THREADS", raising=False)
    for counted, expected in ((7, 7), (None, 1)):
        monkeypatch.setattr(parallel.os, "cpu_count", lambda counted=counted: counted)
        with parallel.all_cores() as threads:
            assert threads == expected
