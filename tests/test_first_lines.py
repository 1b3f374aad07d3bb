"""What users of PyTorch, Keras and scikit-learn type first: it works, or the error says our way.

A line that works has no message. Every other one must raise, and the message must say what to do.
"""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import nnlearn as nn


def scene():
    """What stands before the line: data, a model, its parameters, an optimizer."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 4)).astype(np.float32)
    model = nn.Sequential(nn.Dense(4, 5), nn.ReLU(), nn.Dense(5, 3))
    params = model.init(seed=0)
    return SimpleNamespace(
        np=np,
        nn=nn,
        x=x,
        y=rng.integers(0, 3, 12),
        model=model,
        params=params,
        loss=nn.softmax_cross_entropy,
        optimizer=nn.SGD(0.1),
        grads=params.zeros_like(),
        history=nn.History(loss=[1.0]),
        logits=model(params, x),
    )


FIT = "nn.fit(model, params, loss, (x, y), optimizer, 1"
LINES = [
    # optimizers
    ("nn.SGD(params, lr=0.1)", "no argument 'lr': it is learning_rate"),
    ("nn.Adam(lr=1e-3)", "no argument 'lr': it is learning_rate"),
    ("nn.Adam(params)", "learning_rate is Parameters, expected a number.*step(params, grads)"),
    ("nn.Adam(model)", "learning_rate is Sequential, expected a number"),
    ("nn.SGD()", "Expected nn.SGD(learning_rate"),
    ("nn.SGD('0.1')", "learning_rate is '0.1', expected a number"),
    ("nn.Adam(beta1=0.9)", "no argument 'beta1': .*betas"),
    ("nn.Adam(learning_rate=1e-3)", None),
    ("optimizer.step()", "Expected optimizer.step(params, grads)"),
    ("optimizer.step(params)", "Expected optimizer.step(params, grads)"),
    ("optimizer.step(params.vector, grads.vector)", "expected Parameters"),
    ("optimizer.zero_grad()", "nothing is to be zeroed"),
    ("optimizer.param_groups", "set optimizer.learning_rate"),
    ("optimizer.state_dict()", "optimizer.memory and optimizer.steps"),
    # fit
    (FIT + ")", None),
    ("nn.fit(model, params, loss, x, y, optimizer, 1)", "(x, target), optimizer, epochs)"),
    ("nn.fit(model, params, loss, x, optimizer, 1)", "data is ndarray, expected a pair"),
    ("nn.fit(model, params, loss, (x, y), nn.Adam, 1)", "the class Adam, .*nn.Adam("),
    ("nn.fit(model, params, loss, (x, y), 'adam', 1)", "'adam', expected such as .*nn.Adam()"),
    ("nn.fit(model, params, 'mse', (x, y), optimizer, 1)", "'mse', .*nn.mean_squared_error"),
    ("nn.fit(params, model, loss, (x, y), optimizer, 1)", "model is Parameters, expected (model"),
    ("nn.fit(model, loss, (x, y), optimizer, 1)", "Expected nn.fit(model, params, loss"),
    ("nn.fit(model, model.init, loss, (x, y), optimizer, 1)", "params = model.init()"),
    ("nn.fit(model, params, loss, (x.tolist(), y), optimizer, 1)", "nn.asarray makes one"),
    ("nn.fit(model, params, loss, (x, y.tolist()), optimizer, 1)", "target of data is list"),
    ("nn.fit(model, params, loss, (x, y), optimizer, '1')", "epochs is '1', expected a whole"),
    (FIT + ", validation_split=0.1)", "validation=(x[n:], target[n:])"),
    (FIT + ", validation_data=(x, y))", "it is validation=(x, target)"),
    (FIT + ", verbose=1)", "it is progress"),
    (FIT + ", callbacks=[])", "validation, metrics, patience and checkpoint"),
    (FIT + ", batchsize=3)", "did you mean batch_size"),
    (FIT + ", metrics=['accuracy'], validation=(x, y))", "{'accuracy': nn.accuracy}"),
    (FIT + ", metrics={'accuracy': nn.accuracy}, validation=(x, y))", None),
    # looking at a model
    ("nn.accuracy(logits, y)", None),
    ("nn.accuracy(y, logits)", "order is accuracy(logits, labels)"),
    ("nn.accuracy(y_true=y, y_pred=logits)", "it is labels"),
    ("nn.accuracy(logits, y[:5])", "labels has shape (5,), expected (12,)"),
    ("nn.accuracy(logits, np.eye(3)[y])", "not one-hot"),
    ("nn.accuracy(logits, y.tolist())", "nn.asarray makes one"),
    ("nn.predict(model, params, x)", None),
    ("nn.predict(params, model, x)", "model is Parameters, expected (model, params"),
    ("nn.predict(model, x)", "Expected nn.predict(model, params, x)"),
    ("nn.predict(model, params, x.tolist())", "nn.asarray makes one"),
    ("nn.clip_gradient_norm(params.vector, 1)", "grads is ndarray, expected Parameters"),
    # parameters and history
    ("params['0.weight']", "no parameter '0.weight'; there are 0.W, 0.b, 2.W, 2.b"),
    ("params['W']", "there are 0.W, 0.b, 2.W, 2.b"),
    ("params.W", "params['0.W'], params['0.b']"),
    ("params.numpy()", "nn.to_numpy(params.vector)"),
    ("params.grad", "backward function of nn.vjp"),
    ("params['0.W'] = x", "'0.W' is given shape (12, 4), expected (5, 4)"),
    ("history.history['loss']", "history['loss']"),
    ("history.loss", "history['loss']"),
    # files
    ("nn.save(model, params, 'm')", "expected save(path, model, params)"),
    ("nn.save('m', params, model)", "expected save(path, model, params)"),
    ("nn.load('m')", "there is no file m"),
]

#: The lines that concern models themselves.
LAYER_LINES = [
    ("model(params, x)", None),
    ("model(x)", "model(params, x), .*params = model.init()"),
    ("model(x, params)", "a model is a function of (params, x)"),
    ("model.parameters()", None),
    ("model.fit(x, y, epochs=1)", "nn.fit(model, params, loss"),
    ("model.predict(x)", "nn.predict(model, params, x)"),
    ("model.compile(optimizer='adam', loss='mse')", "arguments of nn.fit"),
    ("model.evaluate(x, y)", "nn.predict"),
    ("model.state_dict()", "nn.save"),
    ("model.load_state_dict({})", "nn.load"),
    ("model.save('m')", "nn.save(path, model, params)"),
    ("model.train()", "nn.vjp"),
    ("model.eval()", "model(params, x) is inference"),
    ("nn.RNN(4, 5, batch_first=True)", "nn.TimeFirst()"),
    ("nn.TransformerBlock(d_model=4, nhead=2)", "no argument 'd_model': say width"),
    ("nn.TransformerBlock(4, 2, dim_feedforward=8)", "say hidden"),
    ("nn.TransformerBlock(4, 2, batch_first=True)", "nn.TimeFirst()"),
    ("nn.TransformerBlock(4, 2, norm_first=True)", "say norm='pre'"),
    ("nn.MultiHeadAttention(4, num_heads=2)", "say heads"),
    ("nn.MultiheadAttention(4, 2)", "nn.MultiHeadAttention(width, heads)"),
    ("nn.TransformerEncoderLayer(4, 2)", "nn.TransformerBlock(width, heads)"),
    ("nn.lr_scheduler.CosineAnnealingLR(optimizer, 10)", "nn.schedules"),
    ("nn.Adam(nn.schedules.cosine(1e-3, 100, 10))", None),
    ("nn.CrossEntropyLoss()", "nn.softmax_cross_entropy(logits, labels)"),
    ("model.to('cuda')", "nn.use_backend"),
    ("model.summary((1, 4))", None),
    ("model.summary()", "input_shape"),
    ("nn.grad(loss)", "nn.vjp"),
    ("nn.Dense(10)", "nn.Dense(inputs, outputs"),
    ("nn.Linear(4, 3)", "nn.Dense"),
    ("nn.Dense(4, 3, activation='relu')", "nn.ReLU"),
    ("nn.Dense(4, 3, bias=False)", "no argument 'bias'"),
    ("nn.Conv2D(1, 8, 3, padding='same')", None),
    ("nn.Conv2D(1, 8, kernel_size=3)", "say size"),
    ("nn.LSTM(4, 5, return_sequences=False)", "last=True"),
    ("nn.Dropout(rate=0.5)", "it is p"),
    ("nn.Sequential([nn.Dense(4, 3)])", "expected a layer"),
    ("nn.Sequential(nn.Dense(4, 3), nn.relu)", "nn.ReLU()"),
    ("model.init(dtype='float16')", "expected 'float32' or 'float64'"),
]


ALL = [*LINES, *LAYER_LINES]


def pattern(message):
    """Turn a message into a regular expression in which only ``.*`` is special."""
    return ".*".join(re.escape(part) for part in message.split(".*"))


def check(line, message, folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = vars(scene())
    if message is None:
        exec(line, names)
        return
    with pytest.raises((TypeError, ValueError, KeyError, AttributeError, OSError)) as caught:
        exec(line, names)
    assert re.search(pattern(message), str(caught.value)), str(caught.value)


@pytest.mark.parametrize(("line", "message"), ALL, ids=[line for line, _ in ALL])
def test_first_line(line, message, tmp_path, monkeypatch):
    check(line, message, tmp_path, monkeypatch)


def test_of_a_name_that_nobody_knows_nothing_more_is_said():
    with pytest.raises(AttributeError, match=r"^module 'nnlearn' has no attribute 'transmogrify'$"):
        nn.transmogrify  # noqa: B018
