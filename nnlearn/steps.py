"""What the recurrent operations share: room for the states of all steps, and blocks of gates."""

from nnlearn.backend import array_namespace


def states_from(initial, inputs, name):
    """Make room for the states of all steps, the initial one first.

    Parameters
    ----------
    initial : array, shape (N, H)
        The state before the first step.
    inputs : array, shape (T, N, ...)
        What is read: T and the dtype are its.
    name : str
        Of the operation, for the message.

    Returns
    -------
    array, shape (T + 1, N, H)
        Entry t is the state after t steps; all but the first are still to be written.

    Raises
    ------
    ValueError
        If there is no step.
    """
    T = inputs.shape[0]
    if T == 0:
        raise ValueError(f"{name}: x has shape {inputs.shape}, expected at least one step")
    xp = array_namespace(initial, inputs)
    states = xp.empty((T + 1, *initial.shape), dtype=inputs.dtype, device=inputs.device)
    states[0, ...] = initial
    return states


def blocks_of(array, count):
    """Give views of `count` equal blocks of the last axis, such as the gates of an LSTM."""
    size = array.shape[-1] // count
    return [array[..., k * size : (k + 1) * size] for k in range(count)]
