"""nnlearn: the companion package of the course *Neural Networks, Equation by Equation*.

Every operation is a plain function of arrays that knows its derivation: `nn.vjp` gives the value
and the backward pass that the book derives. It runs on NumPy and on CuPy alike.

    import nnlearn as nn
"""

from nnlearn import data
from nnlearn.arrays.backend import array_namespace, asarray, backend_name, to_numpy, use_backend
from nnlearn.automatic.forward import hvp, jvp
from nnlearn.automatic.tape import record
from nnlearn.book.sources import source
from nnlearn.checking import GradientError, check_gradients
from nnlearn.data import sequences, tasks
from nnlearn.data.ngrams import NGram
from nnlearn.derivative import differentiable, vjp
from nnlearn.layers import initializers
from nnlearn.layers.attention import MultiHeadAttention
from nnlearn.layers.dense import GELU, Dense, Dropout, LeakyReLU, ReLU, Sigmoid, Tanh
from nnlearn.layers.images import AvgPool2D, Conv2D, ConvTranspose2D, MaxPool2D, Upsample2D
from nnlearn.layers.layer import Layer
from nnlearn.layers.normalization import BatchNorm, LayerNorm
from nnlearn.layers.positions import PositionalEncoding
from nnlearn.layers.recurrent import GRU, LSTM, RNN, Embedding
from nnlearn.layers.reshaping import Flatten, TimeFirst, Unflatten
from nnlearn.layers.saving import load, save
from nnlearn.layers.sequential import Sequential
from nnlearn.layers.transformer import Residual, TransformerBlock
from nnlearn.operations.activations import (
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from nnlearn.operations.arithmetic import exp, log
from nnlearn.operations.attention import attention, attention_weights
from nnlearn.operations.blockwise_attention import blockwise_attention
from nnlearn.operations.convolution import conv2d, convolve2d
from nnlearn.operations.dense import dense
from nnlearn.operations.embedding import embedding
from nnlearn.operations.gan import discriminator_loss, gan_value, generator_loss
from nnlearn.operations.gelu import gelu
from nnlearn.operations.gru import gru
from nnlearn.operations.losses import (
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnlearn.operations.lstm import lstm
from nnlearn.operations.masks import causal_mask, padding_mask
from nnlearn.operations.normalization import batch_norm, layer_norm, standardize
from nnlearn.operations.pooling import avg_pool2d, max_pool2d
from nnlearn.operations.positions import rotary, sinusoids
from nnlearn.operations.regularization import dropout
from nnlearn.operations.reshaping import flatten, unflatten
from nnlearn.operations.rnn import rnn
from nnlearn.operations.upsampling import conv_transpose2d, transposed_size, upsample2d
from nnlearn.operations.windows import im2col, output_size
from nnlearn.parameters import Parameters
from nnlearn.training import schedules
from nnlearn.training.adversarial import discriminator_step, fit_gan, generator_step
from nnlearn.training.clipping import clip_gradient_norm
from nnlearn.training.divergence import TrainingDiverged
from nnlearn.training.evaluation import accuracy, predict
from nnlearn.training.fit import fit
from nnlearn.training.history import History
from nnlearn.training.optimizers import SGD, Adam

__version__ = "0.2.0"

__all__ = [
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SGD",
    "Adam",
    "AvgPool2D",
    "BatchNorm",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GradientError",
    "History",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "MultiHeadAttention",
    "NGram",
    "Parameters",
    "PositionalEncoding",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "TimeFirst",
    "TrainingDiverged",
    "TransformerBlock",
    "Unflatten",
    "Upsample2D",
    "accuracy",
    "array_namespace",
    "asarray",
    "attention",
    "attention_weights",
    "avg_pool2d",
    "backend_name",
    "batch_norm",
    "blockwise_attention",
    "causal_mask",
    "check_gradients",
    "clip_gradient_norm",
    "conv2d",
    "conv_transpose2d",
    "convolve2d",
    "data",
    "dense",
    "differentiable",
    "discriminator_loss",
    "discriminator_step",
    "dropout",
    "embedding",
    "exp",
    "fit",
    "fit_gan",
    "flatten",
    "gan_value",
    "gelu",
    "generator_loss",
    "generator_step",
    "gru",
    "hvp",
    "im2col",
    "initializers",
    "jvp",
    "layer_norm",
    "leaky_relu",
    "load",
    "log",
    "log_softmax",
    "lstm",
    "max_pool2d",
    "mean_squared_error",
    "output_size",
    "padding_mask",
    "predict",
    "record",
    "relu",
    "rnn",
    "rotary",
    "save",
    "schedules",
    "sequences",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sinusoids",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "source",
    "standardize",
    "tanh",
    "tasks",
    "to_numpy",
    "transposed_size",
    "unflatten",
    "upsample2d",
    "use_backend",
    "vjp",
]

#: What other libraries call what is here.
_ELSEWHERE = {
    "Linear": "nn.Dense(inputs, outputs)",
    "Conv2d": "nn.Conv2D(inputs, outputs, size)",
    "ConvTranspose2d": "nn.ConvTranspose2D(inputs, outputs, size)",
    "MaxPool2d": "nn.MaxPool2D(size)",
    "MaxPooling2D": "nn.MaxPool2D(size)",
    "AveragePooling2D": "nn.AvgPool2D(size)",
    "BatchNormalization": "nn.BatchNorm(features)",
    "BatchNorm1d": "nn.BatchNorm(features)",
    "BatchNorm2d": "nn.BatchNorm(features)",
    "MultiheadAttention": "nn.MultiHeadAttention(width, heads)",
    "TransformerEncoderLayer": "nn.TransformerBlock(width, heads)",
    "TransformerDecoderLayer": "nn.TransformerBlock(width, heads, causal=True)",
    "scaled_dot_product_attention": "nn.attention(q, k, v, mask)",
    "evaluate": "nn.predict(model, params, x), which losses and nn.accuracy judge",
    "CrossEntropyLoss": "nn.softmax_cross_entropy(logits, labels)",
    "lr_scheduler": "nn.schedules, whose functions an optimizer takes as its learning_rate",
    "BCEWithLogitsLoss": "nn.sigmoid_cross_entropy(logits, targets)",
    "MSELoss": "nn.mean_squared_error(prediction, target)",
    "Module": "nn.Layer",
    "Model": "nn.Sequential(*layers)",
    "grad": "nn.vjp(f, *args) gives the value and its backward function",
    "value_and_grad": "nn.vjp(f, *args) gives the value and its backward function",
    "no_grad": "calling a model or an operation records nothing",
    "tensor": "nn.asarray(a)",
    "array": "nn.asarray(a)",
}


def __getattr__(name: str) -> object:
    ours = _ELSEWHERE.get(name)
    hint = f"; here it is {ours}" if ours else ""
    raise AttributeError(f"module 'nnlearn' has no attribute {name!r}{hint}", name=name)
