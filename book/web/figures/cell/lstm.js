// One unit of an LSTM whose gates are given for each step: nothing reads h, as with W_h = 0.

/**
 * eq-lstm-cell and eq-lstm-hidden, from a cell state of zero.
 * @param {object} gates f, i, o, candidate: lists of T numbers
 * @returns {{C: number[], h: number[]}}
 */
export function forward({ f, i, o, candidate }) {
  const C = [];
  for (let t = 0; t < f.length; t++) C.push(f[t] * (C[t - 1] ?? 0) + i[t] * candidate[t]);
  return { C, h: C.map((c, t) => o[t] * Math.tanh(c)) };
}

/**
 * The way back: dh is what arrives at each h_t from the loss.
 * @returns {object} C, f, i, o, candidate: the gradient of each, lists of T numbers
 */
export function backward({ f, i, o, candidate }, dh) {
  const { C } = forward({ f, i, o, candidate });
  const T = f.length;
  const dC = Array(T).fill(0);
  for (let t = T - 1; t >= 0; t--) {
    const shown = dh[t] * o[t] * (1 - Math.tanh(C[t]) ** 2);
    dC[t] = (t + 1 < T ? f[t + 1] * dC[t + 1] : 0) + shown; // eq-lstm-dc
  }
  return {
    C: dC,
    f: dC.map((d, t) => d * (C[t - 1] ?? 0)), // eq-lstm-df
    i: dC.map((d, t) => d * candidate[t]), // eq-lstm-di
    o: dh.map((d, t) => d * Math.tanh(C[t])), // eq-lstm-do
    candidate: dC.map((d, t) => d * i[t]), // eq-lstm-dcandidate
  };
}

/** eq-lstm-road for one unit: the product of the forget gates behind step t, counted from 0, to the end. */
export const road = (f, t) => f.slice(t + 1).reduce((product, gate) => product * gate, 1);
