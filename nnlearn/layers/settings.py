"""What a layer says of itself, and where to find here what other libraries call elsewhere."""

import inspect
from typing import Any, NoReturn

from nnlearn.usage import constructor_arguments

#: What users of other libraries ask a model for, and what it is called here.
_ELSEWHERE = {
    "fit": "nn.fit(model, params, loss, (x, y), optimizer, epochs) trains it",
    "compile": "the loss and the optimizer are arguments of nn.fit",
    "predict": "nn.predict(model, params, x) computes its output, batch by batch",
    "evaluate": "nn.predict(model, params, x) gives the output; losses and nn.accuracy judge it",
    "score": "nn.accuracy(nn.predict(model, params, x), y)",
    "backward": "loss, backward = nn.vjp(...) gives the backward function of a pass",
    "state_dict": "params = model.init() are the parameters; nn.save(path, model, params)",
    "load_state_dict": "model, params = nn.load(path)",
    "save": "nn.save(path, model, params)",
    "load_weights": "model, params = nn.load(path)",
    "get_weights": "the parameters are params = model.init(), by name or as one vector",
    "weights": "the parameters are params = model.init(), by name or as one vector",
    "named_parameters": "params = model.init() maps names to arrays",
    "train": "nn.vjp(model, params, x) is a training pass, model(params, x) is inference",
    "eval": "nn.vjp(model, params, x) is a training pass, model(params, x) is inference",
    "zero_grad": "every backward pass gives a fresh gradient: there is nothing to zero",
    "to": "nn.use_backend says where init makes the parameters, params.astype(dtype) in what dtype",
    "cuda": "nn.use_backend, before model.init(), says where the parameters are made",
    "add": "nn.Sequential(*layers) takes all layers at once",
    "append": "nn.Sequential(*layers) takes all layers at once",
}

#: What others call the sizes of a layer, and what to say here.
SIZES = {
    "units": "say inputs and outputs",
    "in_features": "say inputs",
    "out_features": "say outputs",
    "in_channels": "say inputs",
    "out_channels": "say outputs",
    "kernel_size": "say size",
    "strides": "say stride",
    "activation": "it is a layer of its own, such as nn.ReLU()",
    "input_shape": "say the number of inputs",
    "bias": "every layer has one",
}

#: What others call the settings of a recurrent layer.
RECURRENT = {
    **SIZES,
    "input_size": "say inputs",
    "hidden_size": "say hidden",
    "return_sequences": "last=True gives the last state alone, last=False all of them",
    "return_state": "give memory={} to the call: it holds the last states afterwards",
    "num_layers": "put several into nn.Sequential",
    "batch_first": "put nn.TimeFirst() before it",
    "bidirectional": "there is one direction",
    "dropout": "nn.Dropout(p) is a layer of its own",
}

#: What others call the settings of attention.
ATTENTION = {
    "embed_dim": "say width",
    "d_model": "say width",
    "num_heads": "say heads",
    "nhead": "say heads",
    "dim_feedforward": "say hidden",
    "norm_first": "say norm='pre' or norm='post'",
    "is_causal": "say causal",
    "batch_first": "put nn.TimeFirst() before it",
    "bias": "every layer has one",
}


class Described:
    """The settings and the text of a layer, from the arguments of its constructor."""

    def settings(self) -> dict[str, Any]:
        """Return what the constructor was given, by the names of its arguments."""
        return {
            name: vars(self)[name]
            for name in constructor_arguments(type(self).__mro__)
            if name in vars(self)
        }

    def __repr__(self) -> str:
        known = constructor_arguments(type(self).__mro__)
        shown = [
            repr(value) if known[name] is inspect.Parameter.empty else f"{name}={value!r}"
            for name, setting in self.settings().items()
            if (value := _short(setting)) != known[name] and not callable(value)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __getattr__(self, name: str) -> NoReturn:
        ours = _ELSEWHERE.get(name)
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}"
            + (f"; here: {ours}" if ours else ""),
            name=name,
            obj=self,
        )


def _short(setting: Any) -> Any:
    """Write a pair of equal sizes as one of them."""
    same = isinstance(setting, tuple) and len(setting) == 2 and setting[0] == setting[1]
    return setting[0] if same else setting
