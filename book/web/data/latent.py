"""The numbers of the live figure ``latent``: chapter 8's generator, after its last stretch.

    python book/web/data/latent.py

takes the stored players, plays the last stretch as the chapter does, rounds the generator's weights
to int8, one scale for each output, and writes ``latent.data.js``. It also measures what the
rounding does: to the pixels, and to the Fréchet distance of 2,000 samples.
"""

from draw import base64_of, rounded, write  # sets the number of threads, so it comes before numpy

import numpy as np  # isort: skip
import gan_digits

import nnlearn as nn

#: the ends of the two walks that the chapter takes, (walk, end, latent)
WALKS = np.random.default_rng(7).normal(size=(2, 2, gan_digits.LATENT))
#: name of a weight → the axis of its outputs; what is not named stays as it is
OUTPUTS = {"0.W": 0, "4.K": 3, "7.K": 2, "10.K": 2}


def trained():
    """Return the generator's parameters, as the chapter has them when it draws."""
    (images, _), _ = nn.data.load_mnist()
    params_G, params_D = gan_digits.stored_players()
    gan_digits.last_stretch(params_G, params_D, nn.to_numpy(images))
    return params_G


def rounded_generator(params):
    """Return parameters with rounded weights, and how all arrays are stored."""
    after, stored = params.copy(), {}
    for name, values in [*params.items(), *params.state.items()]:
        values = nn.to_numpy(values)
        if name not in OUTPUTS:
            stored[name] = {"shape": values.shape, "float32": base64_of(values.astype(np.float32))}
            continue
        numbers, scales = rounded(values, OUTPUTS[name])
        after[name] = nn.asarray(numbers * scales)
        stored[name] = {
            "shape": values.shape,
            "axis": OUTPUTS[name],
            "int8": base64_of(numbers),
            "scales": base64_of(scales.ravel()),
        }
    return after, stored


def measured(params, after):
    """Return mean and largest change of a pixel by rounding, and the distances before and after."""
    _, (x_test, _) = nn.data.load_mnist()
    reader = gan_digits.stored_reader()
    features, _ = gan_digits.look(reader, nn.to_numpy(x_test))
    before, now = (gan_digits.samples(p) for p in (params, after))
    apart = np.abs(before - now)
    distances = [gan_digits.frechet(gan_digits.look(reader, s)[0], features) for s in (before, now)]
    return float(apart.mean()), float(apart.max()), distances


def main():
    """Play, round, measure, write."""
    params = trained()
    after, stored = rounded_generator(params)
    mean, most, distances = measured(params, after)
    print(f"a pixel of {gan_digits.COUNT} samples changed by {mean:.4f}, by {most:.2f} at most")
    print("Fréchet distance from the test digits: {:.1f}, rounded {:.1f}".format(*distances))
    generator = {
        "latent": gan_digits.LATENT,
        "eps": nn.BatchNorm(1).eps,
        "ends": base64_of(WALKS.astype(np.float32)),
        "arrays": stored,
    }
    write("latent", generator, "Written by book/web/data/latent.py: the generator of chapter 8.")


if __name__ == "__main__":
    main()
