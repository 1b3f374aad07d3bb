// d3-scale can go between colours, dates and texts too. Here scales are of numbers, and a third of a
// figure's script is not sent: build.mjs puts this in the place of d3-interpolate.
export const interpolateNumber = (a, b) => (t) => a * (1 - t) + b * t;
export const interpolateRound = (a, b) => (t) => Math.round(a * (1 - t) + b * t);
export const interpolate = interpolateNumber;
export default interpolateNumber;
export const piecewise = undefined; // of d3-scale's diverging scales, which are not used here
