"""What all tests share: namespaces, the size of generated tests, the rule about skips, counts."""

import json
import os
import warnings
from collections import Counter
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import tally
from shipped import watch

NO_GPU = "no GPU"
SPACES = (
    "numpy",
    "strict",
    "strict-device1",
    "torch",
    pytest.param("cupy", marks=pytest.mark.gpu),
)

# The same examples every time; HYPOTHESIS_PROFILE=explore looks for new ones.
hypothesis.settings.register_profile(
    "ci", derandomize=True, max_examples=15, deadline=None, database=None
)
hypothesis.settings.register_profile("explore", max_examples=500, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def has_gpu():
    """Whether CuPy finds a device."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import cupy

            return cupy.cuda.runtime.getDeviceCount() > 0
    except Exception:
        return False


@pytest.fixture(scope="session", params=SPACES)
def space(request):
    """Each namespace in turn: where the arrays of a test live."""
    if request.param == "cupy" and not has_gpu():
        pytest.skip(NO_GPU)
    from witnesses import make_space  # it brings PyTorch, which not every test needs

    return make_space(request.param)


@pytest.fixture
def backend(space):
    """Make the space the current backend for one test."""
    from nnlearn import use_backend

    space.use()
    yield space
    use_backend("numpy")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """A test marked `equation` that runs nothing of what we ship proves nothing of it."""
    if pyfuncitem.get_closest_marker("equation") is None:
        return (yield)
    with watch() as seen:
        result = yield
    if not seen.runs:
        pytest.fail("marked equation, but runs neither nnlearn, nor a cell, nor a study")
    return result


def pytest_addoption(parser):
    parser.addoption("--tally", metavar="FILE", help="write what the tests counted as JSON")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Put what a test counts into its report (tests that run in other processes included)."""
    tally.started()
    try:
        return (yield)
    finally:
        item.user_properties.extend(tally.counted())


def _refuse(report):
    """In continuous integration every skip but that for a missing GPU is a failure."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if NO_GPU not in reason:
            report.outcome = "failed"
            report.longrepr = f"skipped in continuous integration: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    """Say at the end what was left out, and loudly what need not have been; write the counts."""
    if file := terminalreporter.config.getoption("tally"):
        sums = tally.added(terminalreporter.stats.get("passed", []))
        Path(file).write_text(json.dumps(sums, indent=1) + "\n")
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(r.longrepr[2] for r in skipped if isinstance(r.longrepr, tuple))
    for reason, count in reasons.items():
        if NO_GPU in reason:
            terminalreporter.write_line(f"{count} tests were skipped: {NO_GPU}")
        else:
            text = f"LEFT OUT: {count} tests. {reason.removeprefix('Skipped: ')}"
            terminalreporter.write_sep("!", text, red=True, bold=True)


@pytest.fixture(scope="session")
def chromium():
    """A browser, shared by all tests that look at pages."""
    from nnlearn.book.browser import browser
    from nnlearn.doctor import find_browser

    if find_browser() is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium")
        pytest.skip("Without Chromium or Chrome nobody looked at the pages: install one")
    with browser() as found:
        yield found
