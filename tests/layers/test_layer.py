"""Models: layers in a row against PyTorch, and what is not wanted is not computed."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from witnesses import close, make_space

import nnlearn as nn


def boom():
    raise AssertionError("a gradient that nobody wants was computed")


class Guarded(nn.Layer):
    """y = x · w, which counts the gradients that it is asked for."""

    def __init__(self, learns=True):
        self.learns = learns
        self.asked = {"x": 0, "w": 0}

    def parameters(self):
        return {"w": ((1,), nn.initializers.fill(3.0))} if self.learns else {}

    def operation(self, params, x, training, generator):
        w = params["w"] if self.learns else 3.0

        def asked(name, value):
            self.asked[name] += 1
            return value

        def backward(dy):
            dx = lambda: asked("x", dy * w)  # noqa: E731
            dw = lambda: asked("w", (dy * x).sum(keepdims=True).reshape(1))  # noqa: E731
            return (dx, dw) if self.learns else dx

        return x * w, backward


def mlp():
    return nn.Sequential(
        nn.Flatten(),
        nn.Dense(6, 5),
        nn.BatchNorm(5),
        nn.ReLU(),
        nn.Dense(5, 4),
        nn.LayerNorm(4),
        nn.Tanh(),
        nn.Dense(4, 3),
    )


def mlp_by_torch(params):
    layers = [
        torch.nn.Flatten(),
        torch.nn.Linear(6, 5),
        torch.nn.BatchNorm1d(5),
        torch.nn.ReLU(),
        torch.nn.Linear(5, 4),
        torch.nn.LayerNorm(4),
        torch.nn.Tanh(),
        torch.nn.Linear(4, 3),
    ]
    theirs = torch.nn.Sequential(*layers).double()
    names = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
    translated = {}
    for name in params:
        i, _, short = name.partition(".")
        translated[name] = f"{i}.{names[short]}"
    state = {translated[n]: torch.tensor(nn.to_numpy(a)) for n, a in params.items()}
    theirs.load_state_dict(state, strict=False)
    return theirs, translated


def on(space, params):
    state = params.state and nn.Parameters(space.array(params.state.vector), params.state.layout)
    return nn.Parameters(space.array(params.vector), params.layout, state)


def test_a_network_against_torch(space, rng):
    model = mlp()
    params = on(space, model.init(seed=1, dtype="float64"))
    theirs, translated = mlp_by_torch(params)
    x, labels = rng.normal(size=(7, 2, 3)), rng.integers(0, 3, 7)

    logits, backward = nn.vjp(model, params, space.array(x))
    loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, space.array(labels))
    grads, dx = backward(backward_loss())

    their_x = torch.tensor(x, requires_grad=True)
    their_loss = torch.nn.functional.cross_entropy(theirs(their_x), torch.tensor(labels))
    their_loss.backward()
    close(nn.to_numpy(loss), their_loss.item(), 1e-12, "loss")
    close(nn.to_numpy(dx), their_x.grad.numpy(), 1e-10, "dx")
    by_name = dict(theirs.named_parameters())
    for name, gradient in grads.items():
        assert space.holds(gradient)
        close(nn.to_numpy(gradient), by_name[translated[name]].grad.numpy(), 1e-10, name)
    params.state.assign(grads.state)
    theirs.eval()
    expected = theirs(torch.tensor(x)).detach().numpy()
    close(nn.to_numpy(model(params, space.array(x))), expected, 1e-12, "inference")


def test_check_gradients_of_a_network(space, rng):
    model = mlp()
    params = on(space, model.init(seed=1))
    assert nn.check_gradients(model, params, space.array(rng.normal(size=(4, 2, 3)))) < 1e-6


def test_wrt_gives_the_same_bits(rng):
    model = mlp()
    params = model.init(dtype="float64")
    x, dy = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 3))
    grads, dx = nn.vjp(model, params, x)[1](dy)
    np.testing.assert_array_equal(nn.vjp(model, params, x, wrt=0)[1](dy).vector, grads.vector)
    np.testing.assert_array_equal(nn.vjp(model, params, x, wrt=1)[1](dy), dx)
    swapped_dx, swapped_grads = nn.vjp(model, params, x, wrt=(1, 0))[1](dy)
    np.testing.assert_array_equal(swapped_grads.vector, grads.vector)
    np.testing.assert_array_equal(swapped_dx, dx)


@pytest.mark.parametrize(
    ("learns", "wrt", "expected"),
    [
        # what the layers are asked for, (x, w) of each, from the first to the last
        ([True, True], 0, [(0, 1), (1, 1)]),
        ([True, True], 1, [(1, 0), (1, 0)]),
        ([True, True], (0, 1), [(1, 1), (1, 1)]),
        ([True, True], (), [(0, 0), (0, 0)]),
        ([False, True], 0, [(0, 0), (0, 1)]),
        ([True, False], 0, [(0, 1), (1, 0)]),
        ([False, True, True], 0, [(0, 0), (0, 1), (1, 1)]),
        ([False, False, True], 0, [(0, 0), (0, 0), (0, 1)]),
        ([False, True, False], 1, [(1, 0), (1, 0), (1, 0)]),
    ],
)
def test_what_is_not_wanted_is_not_computed(learns, wrt, expected):
    layers = [Guarded(x) for x in learns]
    model = nn.Sequential(*layers)
    _, backward = nn.vjp(model, model.init(dtype="float64"), np.ones((2, 1)), wrt=wrt)
    backward(np.ones((2, 1)))
    assert [tuple(layer.asked.values()) for layer in layers] == expected


def test_names_and_nesting(rng):
    inner = nn.Sequential(nn.Dense(3, 4), nn.BatchNorm(4), nn.Tanh())
    model = nn.Sequential(inner, nn.Dense(4, 2))
    params = model.init(seed=3, dtype="float64")
    assert list(params) == ["0.0.W", "0.0.b", "0.1.gamma", "0.1.beta", "1.W", "1.b"]
    assert list(params.state) == ["0.1.mean", "0.1.variance"]
    flat = nn.Sequential(nn.Dense(3, 4), nn.BatchNorm(4), nn.Tanh(), nn.Dense(4, 2))
    flat_params = flat.init(seed=3, dtype="float64")
    np.testing.assert_array_equal(params.vector, flat_params.vector)
    x, dy = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    y, backward = nn.vjp(model, params, x)
    flat_y, flat_backward = nn.vjp(flat, flat_params, x)
    np.testing.assert_array_equal(y, flat_y)
    grads, flat_grads = backward(dy)[0], flat_backward(dy)[0]
    np.testing.assert_array_equal(grads.vector, flat_grads.vector)
    np.testing.assert_array_equal(grads.state.vector, flat_grads.state.vector)
    assert (grads.state.vector != params.state.vector).all()
    assert nn.check_gradients(model, params, x) < 1e-6


def test_more_than_ten_layers_keep_their_order(rng):
    model = nn.Sequential(*(nn.Dense(2, 2) for _ in range(12)))
    params = model.init(dtype="float64")
    x = rng.normal(size=(3, 2))
    expected = x
    for i in range(12):
        expected = expected @ params[f"{i}.W"].T + params[f"{i}.b"]
    close(model(params, x), expected, 1e-13, "value")
    assert nn.check_gradients(model, params, x) < 1e-6


def test_an_empty_model(rng):
    model = nn.Sequential()
    params = model.init()
    x = rng.normal(size=(3, 2))
    np.testing.assert_array_equal(model(params, x), x)
    grads, dx = nn.vjp(model, params, x)[1](x)
    assert grads.vector.shape == (0,)
    np.testing.assert_array_equal(dx, x)


def test_init():
    model = mlp()
    a, b, c = model.init(seed=1), model.init(seed=1), model.init(seed=2)
    np.testing.assert_array_equal(a.vector, b.vector)
    assert (a.vector != c.vector).any()
    assert a.vector.dtype == "float32"
    assert a.state.vector.dtype == "float32"
    generator = np.random.default_rng(1)
    np.testing.assert_array_equal(model.init(generator).vector, a.vector)
    assert (model.init(generator).vector != a.vector).any()  # it has moved on


def test_what_init_is_told():
    model = mlp()
    np.testing.assert_array_equal(model.init().vector, model.init(0, "float32").vector)
    for dtype in ("float32", "float64", np.float32, np.float64, np.dtype("float64")):
        assert model.init(dtype=dtype).vector.dtype == dtype
    for dtype in ("float16", "int32", ">f4", "bfloat16", "no dtype", None, int, torch.float32):
        with pytest.raises(ValueError, match=r"init: dtype is .*, expected 'float32' or 'float64'"):
            model.init(dtype=dtype)


def test_a_training_pass_changes_nothing(rng):
    """The same pass twice: the same value, gradient and new state, and all else as it was."""
    model = mlp()
    params = model.init(dtype="float64")
    before = params.copy()
    x = rng.normal(size=(4, 2, 3))
    x_before, dy = x.copy(), np.ones((4, 3))
    (y, backward), (again, backward_again) = (nn.vjp(model, params, x, wrt=0) for _ in range(2))
    grads, grads_again = backward(dy), backward_again(dy)
    np.testing.assert_array_equal(y, again)
    np.testing.assert_array_equal(grads.vector, grads_again.vector)
    np.testing.assert_array_equal(grads.state.vector, grads_again.state.vector)
    np.testing.assert_array_equal(params.vector, before.vector)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(dy, np.ones((4, 3)))
    np.testing.assert_array_equal(params.state.vector, before.state.vector)
    assert (grads.state.vector != before.state.vector).all()
    model(params, x)


class Forward(nn.Layer):
    """Hands x on, and counts how often its backward function is called."""

    def __init__(self):
        self.calls = 0

    def parameters(self):
        return {"w": ((1,), nn.initializers.fill(1.0))}

    def operation(self, params, x, training, rng):
        def backward(dy):
            self.calls += 1
            return dy, dy.sum(keepdims=True).reshape(1)

        return x, backward


def test_a_backward_function_is_called_once_for_all_gradients():
    layer = Forward()
    _, backward = nn.vjp(layer, layer.init(dtype="float64"), np.ones((2, 1)))
    dparams, dx = backward(np.ones((2, 1)))
    assert (layer.calls, dparams["w"].item(), dx.sum()) == (1, 2, 2)


def test_running_statistics_are_no_memory(rng):
    """In the memory of a call are the last states alone, in training too."""
    model = nn.Sequential(nn.BatchNorm(3), nn.RNN(3, 2))
    called, trained = {}, {}
    params, x = model.init(dtype="float64"), rng.normal(size=(4, 2, 3))
    model(params, x, memory=called)
    nn.vjp(model, params, x, memory=trained)
    assert called.keys() == trained.keys() == {"1.h"}


class Cores(nn.Layer):
    """Hands x on, and looks how many threads BLAS has, on the way and on the way back."""

    def operation(self, params, x, training, rng):
        self.seen = [self.look()]

        def backward(dy):
            self.seen.append(self.look())
            return dy

        return x, backward

    @staticmethod
    def look():
        return max(e["num_threads"] for e in threadpool_info() if e["user_api"] == "blas")


@pytest.mark.parametrize(
    ("layer", "name", "threads"),
    [
        (nn.Conv2D(1, 1, 1), "numpy", 1),
        (nn.Sequential(nn.ConvTranspose2D(1, 1, 1)), "numpy", 1),
        (nn.Conv2D(1, 1, 1), "strict", 2),
        (nn.Dense(1, 1), "numpy", 2),
        (nn.ReLU(), "numpy", 2),
    ],
)
def test_a_model_has_the_cores_where_one_of_its_layers_shares_the_batch(layer, name, threads):
    """A model of images, for all of its pass; BLAS has them in others, and off the host."""
    look, space = Cores(), make_space(name)
    model = nn.Sequential(layer, look)
    params = on(space, model.init())
    x = space.array(np.ones((2, 1, 1, 1), "float32"))
    with threadpool_limits(2, user_api="blas"):
        model(params, x)
        assert look.seen == [threads]
        _, backward = nn.vjp(model, params, x)
        backward(x)
        assert look.seen == [threads, threads]
        assert look.look() == 2


def test_errors_name_the_layer():
    model = nn.Sequential(nn.Dense(3, 2), nn.ReLU(), nn.Dense(4, 2), nn.Dropout(0.5))
    params = model.init()
    x = np.ones((5, 3), dtype="float32")
    with pytest.raises(ValueError, match=r"layer 2, Dense\(4, 2\): dense: W has shape \(2, 4\)"):
        model(params, x)
    model = nn.Sequential(nn.Dense(3, 2), nn.Dropout(0.5))
    with pytest.raises(TypeError, match=r"layer 1, Dropout\(0\.5\): dropout: rng is None"):
        nn.vjp(model, model.init(), x, wrt=0)
    told = r"Sequential: layer 1 is <function.*expected a layer, such as nn.ReLU\(\) is$"
    with pytest.raises(TypeError, match=told):
        nn.Sequential(nn.Dense(3, 2), nn.relu)
    with pytest.raises(TypeError, match=r"Sequential: layer 0 is 3, expected a layer$"):
        nn.Sequential(3)
    own = Guarded()
    with pytest.raises(TypeError, match=r"^Guarded: x is a list, expected an array"):
        own(own.init(), [1.0, 2.0])
    for layers in ([nn.ReLU()], (nn.ReLU(),)):
        with pytest.raises(TypeError, match=r"layer 0 is .*; write nn.Sequential\(\*layers\)"):
            nn.Sequential(layers)
    with pytest.raises(TypeError, match="use forward"):
        model.operation(None, x, False, None)


def test_a_layer_with_the_wrong_number_of_gradients_is_refused():
    class Short(Guarded):
        def operation(self, params, x, training, generator):
            return x * params["w"], lambda dy: dy * params["w"]

    layer = Short()
    _, backward = nn.vjp(layer, layer.init(), np.ones((2, 1), dtype="float32"), wrt=0)
    with pytest.raises(
        ValueError, match=r"Short\(\): its operation gives 1 gradients, expected one of x, one of w"
    ):
        backward(np.ones((2, 1), dtype="float32"))


def test_repr():
    assert repr(nn.Sequential(nn.Dense(3, 2), nn.ReLU())) == "Sequential(Dense(3, 2), ReLU())"
    assert repr(Guarded()) == "Guarded()"
    assert repr(Guarded(learns=False)) == "Guarded(learns=False)"
    chosen = nn.Dense(3, 2, initializer=nn.initializers.glorot)
    assert repr(chosen) == "Dense(3, 2)"  # what it starts from says nothing of a trained model


def test_a_layer_of_a_layer_has_the_settings_of_its_own_constructor():
    class Half(nn.Dense):
        def __init__(self, inputs):
            super().__init__(inputs, inputs // 2)

    assert Half(4).settings() == {"inputs": 4}
    assert repr(Half(4)) == "Half(4)"


def test_a_deep_model_does_not_nest_its_calls():
    model = nn.Sequential(*(nn.Tanh() for _ in range(2000)))
    _, backward = nn.vjp(model, model.init(), np.full((1, 1), 0.5), wrt=1)
    assert 0 < backward(np.ones((1, 1))).item() < 1
    model = nn.Sequential(*(nn.Dense(1, 1) for _ in range(2000)))
    params = model.init(dtype="float64")
    params.vector[...] = 1.0
    _, backward = nn.vjp(model, params, np.ones((1, 1)), wrt=(1, 0))
    assert backward(np.ones((1, 1)))[0].item() == 1.0


def test_an_error_of_another_kind_keeps_what_it_is():
    """Its type and its attributes stay; a note says in which layer it came up."""

    class Reads(nn.Layer):
        def operation(self, params, x, training, rng):
            raise FileNotFoundError(2, "no such file", "weights.bin")

    model = nn.Sequential(nn.ReLU(), Reads())
    with pytest.raises(FileNotFoundError) as caught:
        model(model.init(0), np.ones((1, 2), "float32"))
    assert caught.value.filename == "weights.bin"
    assert "layer 1, Reads()" in caught.value.__notes__[0]


def test_who_stops_a_model_is_told_of_no_layer():
    class Stopped(nn.Layer):
        def operation(self, params, x, training, rng):
            raise KeyboardInterrupt

    model = nn.Sequential(Stopped())
    with pytest.raises(KeyboardInterrupt) as caught:
        model(model.init(), np.ones((1, 2), "float32"))
    assert not hasattr(caught.value, "__notes__")
