"""Whatever an answer does, the command says what came of it, and the next one is judged."""

import contextlib
import os
import textwrap
from typing import NamedTuple

import exercise_course
import psutil
import pytest
import tally
from exercise_course import PASSED

from nnlearn.exercises import run, watching

MANY = bool(os.environ.get("NNLEARN_TRUST"))
RIGHT = "def double(x):\n    return x + x\n"
MEMORY = 1.0  # GiB
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals, forks and limits are POSIX's"),
    pytest.mark.timeout(3600),  # the first test waits for all of them
]


class Case(NamedTuple):
    """What the reader did, the answer, the state, words of the message; whether in `make test`."""

    deed: str
    answer: str
    state: str = "wrong"
    words: tuple[str, ...] = ()
    always: bool = False


def right(deed, text, always=False):
    """An answer that does something else as well, and is right."""
    return Case(deed, text + "\n" + RIGHT, "right", (), always)


def inside(text):
    """An answer whose function does this, and then gives the right result."""
    return "def double(x):\n" + textwrap.indent(text, "    ") + "\n    return x + x\n"


#: Accidents: the message must name the cause.
STOPS = [
    Case("sys.exit", "import sys\nsys.exit()", words=("Leave out the call of exit()",)),
    Case("sys.exit in the function", inside("import sys; sys.exit(3)"), words=("SystemExit",)),
    Case("exit", inside("exit()"), words=("exit()",)),
    Case("quit in the cell", "quit()\n" + RIGHT, words=("exit()",)),
    Case("os._exit", inside("import os; os._exit(0)"), words=("ended Python itself",), always=True),
    Case("SIGKILL", "import os\nos.kill(os.getpid(), 9)", words=("SIGKILL",)),
    Case("a segfault", "import ctypes\nctypes.string_at(0)", words=("SIGSEGV",), always=True),
    Case("abort", "import os\nos.abort()", words=("SIGABRT",)),
    Case(
        "the judge killed", "import os\nos.kill(os.getppid(), 9)", words=("ended Python itself",),
        always=True,
    ),
    Case("input", "name = input('?')", words=("An answer cannot ask with input()",)),
    Case("bash alone", "%%bash\necho 1", words=("NameError",)),
    Case(
        "a list without end", "x = []\nwhile True:\n    x.append(bytearray(10**7))",
        words=("memory",), always=True,
    ),
    Case("a huge array", inside("import numpy as np; np.ones(10**12)"), words=("MemoryError",)),
    Case(
        "memory in another process",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time\\n"
        "x = [bytearray(2**20) for _ in range(1500)]\\ntime.sleep(100)'])",
        words=("filled 1 GiB",),
    ),
    Case("recursion without end", "import sys\nsys.setrecursionlimit(10**9)\n" + inside(
        "double(x)"), words=("",)),
    Case(
        "a flood", "while True:\n    print('x' * 10**5)", words=("print", "for ever"),
        always=True,
    ),
    Case("a flood of one line", "print('x' * 10**8)", words=("print", "for ever")),
    Case(
        "a flood that holds on",
        "while True:\n    try:\n        while True: print('x' * 1000)\n"
        "    except BaseException: pass",
        words=("print", "for ever"),
    ),
    Case("a flood of pictures", "from IPython.display import display, HTML\nwhile True:\n"
         "    display(HTML('x' * 10**6))", words=("print", "for ever")),
    Case("a file without end", "with open('f', 'wb') as f:\n    while True: f.write(bytes(10**8))",
         words=("File too large",)),
]  # fmt: skip

#: They are stopped by the time limit. Some cannot be interrupted.
ENDLESS = [
    Case("a loop that holds on",
         "while True:\n    try:\n        while True: pass\n    except BaseException: continue"),
    Case("an interruption taken for the end",
         "try:\n    while True: pass\nexcept KeyboardInterrupt: pass\n" + RIGHT),
    Case("a sleep", inside("import time; time.sleep(1e6)")),
    Case("native code that holds Python", "import ctypes\nctypes.PyDLL(None).sleep(1000)",
         always=True),
    Case("no interruption heard", "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
         "while True: pass"),
    Case("a lock", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"),
    Case("bash that sleeps", "%%bash\nsleep 1000"),
    Case("a thread that is waited for", "import threading, time\n"
         "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
         "[thread.join() for thread in threading.enumerate() if 'sleep' in thread.name]"),
]  # fmt: skip

#: No harm is done: the answer is right.
HARMLESS = [
    right("its folder deleted", "import os, shutil\nshutil.rmtree(os.getcwd())"),
    right("all folders deleted", "import os, shutil\nshutil.rmtree(os.path.dirname(os.getcwd()))",
          always=True),
    right("the environment emptied", "import os\nos.environ.clear()"),
    right("NumPy told to raise", "import numpy as np\nnp.seterr(all='raise')"),
    right("NumPy told to print otherwise", "import numpy as np\nnp.set_printoptions(precision=1)"),
    right("another seed", "import numpy as np, random\nnp.random.seed(1); random.seed(1)"),
    right("little recursion", "import sys\nsys.setrecursionlimit(300)"),
    right("a picture shown", "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
          "plt.plot([1, 2])\nplt.show()"),
    right("the check's name taken", "check_double = 5\nnp = None\nCheck = print", always=True),
    right("the judge's own file, which nobody asks in the kernel",
          "import nnlearn.exercises.marks as marks\nmarks.marks = lambda: '{}'"),
    right("a magic", "%time x = 1\n!echo hello"),
    right("output kept back", "import contextlib, io\n"
          "with contextlib.redirect_stdout(io.StringIO()):\n    print(1)"),
    right("a thread", "import threading, time\n"
          "threading.Thread(target=time.sleep, args=(1000,)).start()"),
    right("a thread that never rests", "import threading\ndef work():\n    while True: pass\n"
          "threading.Thread(target=work, daemon=True).start()"),
    right("a child", "import subprocess\nchild = subprocess.Popen(['sleep', '1003'])"),
    right("a child of its own session", "import subprocess\nchild = subprocess.Popen("
          "['sleep', '1003'], start_new_session=True)", always=True),
    right("a fork", "import os, time\nif os.fork() == 0:\n    time.sleep(1000)"),
]  # fmt: skip

TAKE_BACK = "import nnlearn.exercises.checking as c, nnlearn.exercises.mismatch as m\n"
SAYS = f"print('{{number}} {PASSED}')"
FORGED = """
import json, os, sys
part = "{number}".replace(".", "-")
event = {"kind": "passed", "file": f"exercise-{part}.ipynb", "cell": f"check-{part}"}
for file in (sys.stdout, sys.__stdout__, open(f"/proc/{os.getppid()}/fd/1", "w")):
    print("", "\\x1e" + json.dumps(event), sep="\\n", file=file, flush=True)
"""
#: A check is not passed by printing what it prints, nor by changing it.
CHEATS = [
    Case("the output printed", SAYS + "\ndouble = abs", words=("not right",), always=True),
    Case("a check of one's own", f"def check_double(answer, number):\n    {SAYS}\ndouble = abs",
         words=("not right",), always=True),
    Case("printed, and stopped", "def double(x):\n    " + SAYS + "\n    raise KeyboardInterrupt",
         words=("KeyboardInterrupt",)),
    Case("printed, and left", "def double(x):\n    " + SAYS + "\n    import os, sys\n"
         "    sys.stdout.flush()\n    os._exit(0)", words=("ended Python itself",)),
    Case("printed, and the error kept back", "get_ipython().set_custom_exc((BaseException,), "
         "lambda *a, **k: None)\ndef double(x):\n    " + SAYS + "\n    raise KeyboardInterrupt",
         words=("otherwise",), always=True),
    Case("close replaced", TAKE_BACK + "c.Check.close = lambda *a, **k: None\ndouble = abs",
         words=("changes", "Check.close"), always=True),
    Case("done replaced", TAKE_BACK + f"c.Check.done = lambda self: {SAYS}\ndouble = abs",
         words=("changes", "Check.done")),
    Case("call replaced while it runs", TAKE_BACK + "def double(x):\n"
         "    c.Check.close = c.Check.that\n    return x + x", words=("changes", "Check.close")),
    Case("agrees replaced", TAKE_BACK + "m.agrees = lambda *a: True\ndouble = abs",
         words=("changes", "mismatch.agrees")),
    Case("the code exchanged", TAKE_BACK + "c.agrees.__code__ = (lambda *a: True).__code__\n"
         "double = abs", words=("changes", "agrees")),
    Case("a default exchanged", TAKE_BACK + "c.Check.close.__defaults__ = "
         "(None, None, 1e9, 'it', None)\ndouble = abs", words=("changes", "Check.close")),
    Case("another Check", TAKE_BACK + "c.Check = type('Check', (), {})\ndouble = abs",
         words=("changes", "checking.Check")),
    Case("a name put before Python's", TAKE_BACK + "c.isinstance = lambda *a: True\n" + RIGHT,
         words=("changes", "checking.isinstance")),
    Case("Python's own function", "import builtins\nbuiltins.all = lambda *a: True\ndouble = abs",
         words=("changes", "builtins.all")),
    Case("NumPy's", "import numpy as np\nnp.all = lambda *a: True\ndouble = abs",
         words=("changes", "numpy.all")),
    Case("another module", "import sys, types\nsys.modules['nnlearn.exercises.checking'] = "
         "types.ModuleType('checking')\ndouble = abs", words=("changes",)),
    Case("the cell's text", "get_ipython().input_transformers_cleanup.append("
         f"lambda lines: [{SAYS!r}])\ndouble = abs", words=("changes", "input_transformers")),
    Case("IPython's errors", "get_ipython().showtraceback = lambda *a, **k: None\n"
         f"def double(x):\n    {SAYS}\n    raise KeyboardInterrupt", words=("",)),
    Case("the output taken", "import sys, io\nsys.stdout = io.StringIO()\n" + RIGHT,
         words=("changes", "sys.stdout")),
    Case("the judge's line", FORGED + "\ndouble = abs", words=("not right",)),
]  # fmt: skip

GROUPS = {"stops": STOPS, "endless": ENDLESS, "harmless": HARMLESS, "cheats": CHEATS}
CASES = [
    pytest.param(kind, case, id=f"{kind}: {case.deed}")
    for kind, cases in GROUPS.items()
    for case in cases
    if MANY or case.always
]


MARKS = set()  # of the runs: every process of a run bears one


@pytest.fixture(scope="session")
def verdicts(tmp_path_factory):
    """What came of all cases, by what the reader did: judged in two runs, with two time limits."""
    folder = tmp_path_factory.mktemp("hostile")
    found, end = {}, watching.end_processes
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(watching, "end_processes", lambda mark: (MARKS.add(mark), end(mark)))
    for endless, timeout in ((True, 6.0), (False, 60.0)):
        cases = [p.values[1] for p in CASES if (p.values[0] == "endless") == endless]
        pristine = exercise_course.doubles(folder / "05-cnn.ipynb", len(cases))
        numbers = [f"5.{k}" for k in range(1, len(cases) + 1)]
        answers = {
            number: case.answer.replace("{number}", number)
            for number, case in zip(numbers, cases, strict=True)
        }
        results = run.judge(pristine, answers, timeout, memory=MEMORY)
        found |= {case.deed: result for case, result in zip(cases, results, strict=True)}
    monkeypatch.undo()
    return found


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_it_is_told_what_came_of_it(verdicts, kind, case):
    result = verdicts[case.deed]
    assert result.state == case.state, result.message
    words = ("still running after 6 seconds",) if kind == "endless" else case.words
    for word in words:
        assert word in result.message
    assert result.message or case.state == "right"
    tally.count("bad inputs refused" if kind == "cheats" else "faults survived")


def test_nothing_is_left_running(verdicts):
    assert verdicts
    assert len(MARKS) > 1
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            assert f"{run.RUN}={process.environ().get(run.RUN)}" not in MARKS, process
