// Numbers about numbers.

/** The middle value; of an even count the mean of the middle two. */
export function median(values) {
  if (values.length === 0) throw new Error("the median of nothing");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median absolute deviation from the median, not scaled. */
export function deviation(values) {
  const middle = median(values);
  return median(values.map((value) => Math.abs(value - middle)));
}

/** What is reported of a series of times. */
export function summary(values) {
  return { n: values.length, median: median(values), min: Math.min(...values), mad: deviation(values) };
}

/** Random numbers in [0, 1), the same for the same seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * `median(first) / median(second)` with a 95 % interval from the bootstrap: pairs are drawn with replacement, so that
 * what disturbed both halves of a pair stays together.
 */
export function ratio(first, second, { rounds = 4000, seed = 1 } = {}) {
  if (first.length !== second.length) throw new Error("a ratio from pairs needs as many of both");
  const next = random(seed);
  const drawn = Array.from({ length: rounds }, () => {
    const chosen = first.map(() => Math.floor(next() * first.length));
    return median(chosen.map((index) => first[index])) / median(chosen.map((index) => second[index]));
  }).sort((a, b) => a - b);
  const at = (share) => drawn[Math.min(rounds - 1, Math.floor(share * rounds))];
  return { value: median(first) / median(second), low: at(0.025), high: at(0.975) };
}

/** The ratio of a series' odd to its even members: 1 but for the noise of the machine. */
export function noise(values) {
  const half = (parity) => values.filter((_, index) => index % 2 === parity);
  return values.length < 2 ? 1 : median(half(1)) / median(half(0));
}
