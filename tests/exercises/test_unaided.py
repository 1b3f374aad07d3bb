"""What is to be written by hand is not done by the package, however an answer gets hold of it."""

import numpy as np
import pytest
import tally
from test_exercises import NOTEBOOKS, execute_exercise, read

import nnlearn as nn
from nnlearn.exercises import author, unaided
from nnlearn.exercises.failures import CheckFailed

GRU = "def gru(x, h0, W_x, W_h, b):\n    return f(x, h0, W_x, W_h, b)\n"

#: How an answer to exercise 7.7 gets `f`, the package's GRU.
WAYS = {
    "by its name": "f = nn.gru",
    "as the answer itself": "f = nn.gru\ngru = f",
    "imported": "from nnlearn import gru as f",
    "imported from its module": "from nnlearn.operations.gru import gru as f",
    "importlib": "import importlib\nf = importlib.import_module('nnlearn').gru",
    "its module by importlib": (
        "import importlib\nf = importlib.import_module('nnlearn.operations.gru').gru"
    ),
    "getattr": "f = getattr(nn, 'g' + 'ru')",
    "vars": "f = vars(nn)['gru']",
    "sys.modules": "import sys\nf = sys.modules['nnlearn.operations.gru'].gru",
    "__import__": "f = __import__('nnlearn').gru",
    "the package once more, under another name": (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('mine', sys.modules["
        "'nnlearn.operations.gru'].__file__)\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "f = module.gru"
    ),
    "an alias in a list": "f = [nn.gru, 1][0]",
    "a lambda": "f = lambda *a: nn.gru(*a)",
    "functools.partial": "import functools\nf = functools.partial(nn.gru)",
    "map": "f = lambda *a: list(map(nn.gru, *[[b] for b in a]))[0]",
    "what it wraps": "f = lambda *a: nn.gru.__wrapped__(*a)[0]",
    "its derivation alone": "f = lambda *a: nn.gru.plain(*a)",
    "its forward": "f = lambda *a: nn.gru.forward(*a)[0]",
    "vjp": "f = lambda *a: nn.vjp(nn.gru, *a)[0]",
    "what stands for it on a GPU": (
        "from nnlearn.operations import few_kernels_recurrent as few\nf = lambda *a: few.gru(*a)"
    ),
    "a copy": (
        "import types\ng = nn.gru.__wrapped__\nf = lambda *a: types.FunctionType(g.__code__, "
        "g.__globals__, 'f', g.__defaults__, g.__closure__)(*a)[0]"
    ),
    "a deep copy": "import copy\nf = copy.deepcopy(nn.gru)",
    "in a thread": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "f = lambda *a: ThreadPoolExecutor(1).submit(nn.gru, *a).result()"
    ),
    "with the refusal kept back": (
        "def f(*a):\n    try:\n        return nn.gru(*a)\n    except BaseException:\n"
        "        return nn.gru(*a)"
    ),
    "a method": (
        "class Mine:\n    run = staticmethod(nn.gru)\nf = lambda *a: Mine().run(*a)"
    ),
}  # fmt: skip

#: Exercise → an answer by the package's own function.
OURS = {
    "1.1": "def neuron(x, w, b):\n    return nn.sigmoid(x @ w + b)",
    "1.5": "def log_sigmoid(z):\n    return -nn.softplus(-z)",
    "2.2": "def softmax_backward(p, dp):\n    return nn.vjp(nn.softmax, np.log(p))[1](dp)",
    "2.3": (
        "def stable_cross_entropy(z, y):\n"
        "    return nn.sigmoid_cross_entropy(z[..., None], y[..., None])"
    ),
    "3.1": (
        "@nn.record\ndef product(x, w):\n    return x * w\n"
        "def product_backward(x, w, dy):\n    return nn.vjp(product, x, w)[1](dy)"
    ),
    "4.2": "def layer_in_columns(W, X, b):\n    return nn.relu(nn.dense(X.T, W, b[:, 0])).T",
    "4.5": (
        "def dropout(x, p, generator):\n    y, backward = nn.vjp(nn.dropout, x, p, generator)\n"
        "    return y, backward"
    ),
    "5.2": "convolution = lambda I, K: nn.convolve2d(I, K, mode='full')",
    "6.2": "def rnn(x, h0, W_xh, W_hh, b_h):\n    return nn.rnn(x, h0, W_xh, W_hh, b_h)",
    "8.3": (
        "def discriminator_loss(real_logits, fake_logits):\n"
        "    loss, backward = nn.vjp(nn.discriminator_loss, real_logits, fake_logits)\n"
        "    return loss, *backward()"
    ),
    "8.9": (
        "def transposed(x, K, stride):\n"
        "    x, K = x[None, ..., None], K[..., None, None]\n"
        "    return nn.conv_transpose2d(x, K, stride=stride)[0, ..., 0]"
    ),
    "10.2": "from nnlearn.operations.arithmetic import summed_to",
    "11.2": (
        "def attention(q, k, v):\n    return nn.attention(q, k, v), nn.attention_weights(q, k)"
    ),
    "11.8": (
        "turn = lambda x, positions, frequencies: nn.rotary(x, positions)\n"
        "turn_backward = turn\nproduct = lambda q, k, d, f: nn.rotary(q, d) @ k"
    ),
}

PATHS = {number: path for path in NOTEBOOKS for number in read(path).exercises}


def refused(number, answer):
    with pytest.raises(CheckFailed) as failure:
        execute_exercise(PATHS[number], number, answer)
    assert "Here you write it yourself" in str(failure.value)
    tally.count("bad inputs refused")
    return str(failure.value)


@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_the_function_leads_past(way):
    text = refused("7.7", GRU + WAYS[way])
    assert "`nn.gru` is the package's" in text or "`mine.gru`" in text or "few_kernels" in text


def test_the_call_itself_does_not_come_back():
    """It is refused there and then, and not only told afterwards, when all of it has run."""
    reached = []
    arrays = [np.zeros(shape) for shape in [(2, 1, 3), (1, 2), (6, 3), (6, 2), (6,)]]
    with unaided.watched(unaided.GRU) as used:
        reached.append("before")
        nn.gru(*arrays)
        reached.append("after")
    assert used == ["nn.gru"]
    assert reached == ["before"]
    assert nn.gru(*arrays).shape == (2, 1, 2)


@pytest.mark.parametrize("number", OURS)
def test_the_function_that_is_asked_for_refuses(number):
    refused(number, OURS[number])


@pytest.mark.parametrize("number", ["7.7", "1.1", "11.2"])
def test_outside_an_answer_all_of_the_package_is_at_hand(number):
    refused(number, GRU + "f = nn.gru" if number == "7.7" else OURS[number])
    lines = "import sys\nassert sys.getprofile() is None\nnn.sigmoid(np.zeros(2))\n"
    execute_exercise(PATHS[number], number, lines + author.solution(read(PATHS[number]).exercises[
        number]))  # fmt: skip
