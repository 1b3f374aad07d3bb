"""The doctor: what a machine has, and advice only where something would be better."""

import re
import subprocess
import sys

import pytest

import nnlearn
from nnlearn import doctor

OPENBLAS = {
    "user_api": "blas",
    "internal_api": "openblas",
    "version": "0.3",
    "architecture": "Haswell",
    "num_threads": 2,
}


def test_it_runs_and_names_everything():
    done = subprocess.run(
        [sys.executable, "-m", "nnlearn.doctor"], capture_output=True, text=True, check=True
    )
    told = [line.split()[0] for line in done.stdout.partition("\n\n")[0].splitlines()]
    assert told == ["Python", "processor", "BLAS", "GPU", "browser", "Node", "MPI"]


@pytest.mark.parametrize(
    ("kernels", "avx512", "wide", "advised"),
    [
        ("Haswell", True, 0.5, True),
        ("Haswell", True, 0.95, False),  # not worth it
        ("Haswell", False, 0.5, False),
        ("SkylakeX", True, 0.5, False),
    ],
)
def test_narrow_kernels_are_noticed(kernels, avx512, wide, advised, monkeypatch):
    monkeypatch.setattr(doctor, "threadpool_info", lambda: [OPENBLAS | {"architecture": kernels}])
    monkeypatch.setattr(doctor, "_has_avx512", lambda: avx512)
    monkeypatch.setattr(doctor, "_product_seconds", lambda with_: wide if with_ else 1.0)
    found = doctor.blas()
    assert ("OPENBLAS_CORETYPE=SkylakeX" in found.advice) is advised
    assert kernels in found.value


def test_a_product_is_timed_under_other_kernels():
    assert 0 < doctor._product_seconds({"OPENBLAS_CORETYPE": "Haswell"}) < 60


def test_without_a_library_that_answers(monkeypatch):
    monkeypatch.setattr(doctor, "threadpool_info", list)
    assert doctor.blas() == ("BLAS", doctor.blas().value, "")


def test_what_is_missing_gets_advice(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert doctor.find_browser() is None
    assert doctor.program("browser", None, "install it") == ("browser", "none", "install it")
    monkeypatch.setitem(sys.modules, "cupy", None)  # it does not import
    assert doctor.graphics()[:2] == ("GPU", "none")
    assert "not installed" in doctor.graphics().advice


def test_two_ranks_are_started():
    found = doctor.mpi()
    assert found.advice == ""
    assert re.fullmatch(r"mpi4py [\d.]+ with \w.*, .*mpiexec starts two ranks", found.value)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ('#!/bin/sh\nshift 2; "$@"; "$@"\n', "1 "),  # of another MPI: each process is alone
        ("#!/bin/sh\necho no slots >&2; exit 1\n", "no slots"),
        ("#!/bin/sh\nexit 1\n", "nothing is said"),
    ],
)
def test_an_mpiexec_that_starts_no_ranks_is_told(program, said, monkeypatch, tmp_path):
    path = tmp_path / "mpiexec"
    path.write_text(program)
    path.chmod(0o755)
    monkeypatch.setattr(doctor, "find_mpiexec", lambda: str(path))
    found = doctor.mpi()
    assert found.value.endswith("mpiexec fails")
    assert said in found.advice
    assert "is it of the MPI that mpi4py uses" in found.advice


def test_without_mpi(monkeypatch):
    monkeypatch.setattr(doctor, "find_mpiexec", lambda: None)
    assert "install mpich" in doctor.mpi().advice
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert doctor.mpi()[:2] == ("MPI", "none")


def test_the_advice_is_printed_once(monkeypatch, capsys):
    findings = [doctor.Finding("a", "1"), doctor.Finding("b", "2", "mend it")]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    doctor.main()
    out = capsys.readouterr().out
    assert out.endswith("What would be better\n- b: mend it.\n")
    monkeypatch.setattr(doctor, "examine", lambda: findings[:1])
    doctor.main()
    assert "Nothing to mend." in capsys.readouterr().out


def test_an_installed_package_is_told_nothing_of_the_book_s_tools(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "nnlearn" / "doctor.py"))
    assert doctor.checkout() is None
    assert [found.name for found in doctor.examine()] == [
        "Python",
        "processor",
        "BLAS",
        "GPU",
        "MPI",
    ]
    (tmp_path / "pyproject.toml").touch()
    assert doctor.checkout() == tmp_path


def test_a_package_that_is_only_found_has_its_version(monkeypatch):
    """As a checkout on PYTHONPATH is, or one in a browser: there is no metadata to ask."""

    def none(name):
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", none)
    assert doctor.python().value.endswith(f"nnlearn {nnlearn.__version__}")
