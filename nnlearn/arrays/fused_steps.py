"""One step of a recurrent layer as one kernel on a GPU, forward and backward: see `fused`.

In each docstring: the kernels that the plain lines launch → those that remain. The products with
the weights come on top, one a step in either direction.
"""

from typing import Any

from nnlearn.arrays.fused import fused
from nnlearn.arrays.typing import Array


def _sigma(xp: Any, z: Array) -> Array:
    """σ(z) as the recurrent layers take it: one tanh, which cannot overflow."""
    return 0.5 * xp.tanh(0.5 * z) + 0.5


@fused
def rnn_step(xp: Any, z: Array, b: Array) -> None:
    """z ← tanh(z + b), eq-rnn: 2 → 1."""
    z[...] = xp.tanh(z + b)


@fused
def rnn_step_back(xp: Any, dz: Array, h: Array, dh: Array, later: Array) -> None:
    """dz ← (1 - h²) ⊙ (dh + later), eq-rnn-dh, eq-rnn-dz: 3 → 1."""
    dz[...] = (1 - h * h) * (dh + later)


@fused
def lstm_step(
    xp: Any,
    f: Array,
    i: Array,
    o: Array,
    candidate: Array,
    b_f: Array,
    b_i: Array,
    b_o: Array,
    b_c: Array,
    before: Array,
    c: Array,
    tanh_c: Array,
    h: Array,
) -> None:
    """From z - b of the four gates, in place, to their values, the cell and h: 13 → 1.

    Source: eq-lstm-gates, eq-lstm-candidate, eq-lstm-cell, eq-lstm-hidden.
    """
    f_t, i_t, o_t = _sigma(xp, f + b_f), _sigma(xp, i + b_i), _sigma(xp, o + b_o)
    candidate_t = xp.tanh(candidate + b_c)
    c_t = f_t * before + i_t * candidate_t
    tanh_c_t = xp.tanh(c_t)
    f[...], i[...], o[...], candidate[...] = f_t, i_t, o_t, candidate_t
    c[...], tanh_c[...] = c_t, tanh_c_t
    h[...] = o_t * tanh_c_t


@fused
def lstm_step_back(
    xp: Any,
    dh: Array,
    later_h: Array,
    dc: Array,
    later_c: Array,
    f: Array,
    i: Array,
    o: Array,
    candidate: Array,
    before: Array,
    tanh_c: Array,
    df: Array,
    di: Array,
    do: Array,
    dcandidate: Array,
) -> None:
    """From dh and dc to dz of the four gates, and `later_c` for the step before: 23 → 1.

    Source: eq-lstm-dh, eq-lstm-dc, eq-lstm-df, eq-lstm-di, eq-lstm-do, eq-lstm-dcandidate,
    eq-lstm-dz.
    """
    dh_t = dh + later_h
    dc_t = dc + later_c + dh_t * o * (1 - tanh_c * tanh_c)
    df[...] = dc_t * before * (f - f * f)
    di[...] = dc_t * candidate * (i - i * i)
    do[...] = dh_t * tanh_c * (o - o * o)
    dcandidate[...] = dc_t * i * (1 - candidate * candidate)
    later_c[...] = dc_t * f


@fused
def gru_step(
    xp: Any,
    r: Array,
    u: Array,
    candidate: Array,
    share_r: Array,
    share_u: Array,
    recalled: Array,
    before: Array,
    h: Array,
) -> None:
    """From W_x x + b of gates and candidate, in place, and W_h h to their values and h: 19 → 1.

    Source: eq-gru-gates, eq-gru-candidate, eq-gru.
    """
    r_t, u_t = _sigma(xp, r + share_r), _sigma(xp, u + share_u)
    candidate_t = xp.tanh(candidate + r_t * recalled)
    r[...], u[...], candidate[...] = r_t, u_t, candidate_t
    h[...] = (1 - u_t) * candidate_t + u_t * before


@fused
def gru_step_back(
    xp: Any,
    dh: Array,
    later: Array,
    carried: Array,
    r: Array,
    u: Array,
    candidate: Array,
    recalled: Array,
    before: Array,
    dr: Array,
    du: Array,
    dcandidate: Array,
    dshare_r: Array,
    dshare_u: Array,
    drecalled: Array,
) -> None:
    """From dh to dz of gates and candidate, to what of it is W_h h's and what u carries: 23 → 1.

    Source: eq-gru-dh, eq-gru-dcandidate, eq-gru-du, eq-gru-dr, eq-gru-ds.
    """
    dh_t = dh + (later + carried)
    dcandidate_t = dh_t * (1 - u) * (1 - candidate * candidate)
    dr_t = dcandidate_t * recalled * (r - r * r)
    du_t = dh_t * (before - candidate) * (u - u * u)
    dr[...], du[...], dcandidate[...] = dr_t, du_t, dcandidate_t
    dshare_r[...], dshare_u[...] = dr_t, du_t
    drecalled[...] = dcandidate_t * r
    carried[...] = dh_t * u
