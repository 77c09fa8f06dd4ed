// The statistics against numbers worked out by hand; run with the tests of xtask.

import assert from "node:assert/strict";
import { test } from "node:test";
import { deviation, median, noise, random, ratio, summary } from "./statistics.mjs";

test("median and deviation", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(deviation([1, 1, 2, 2, 4, 6, 9]), 1);
  assert.deepEqual(summary([5, 1, 3]), { n: 3, median: 3, min: 1, mad: 2 });
  assert.throws(() => median([]));
});

test("a constant ratio has no spread", () => {
  const second = [10, 11, 12, 13, 14];
  const { value, low, high } = ratio(second.map((x) => 2 * x), second);
  assert.deepEqual([value, low, high], [2, 2, 2]);
});

test("the interval holds the true ratio nineteen times in twenty, and shrinks with the noise", () => {
  const next = random(7);
  const series = (scale, spread) => Array.from({ length: 25 }, () => scale * (1 + spread * (next() - 0.5)));
  const draw = (spread) => ratio(series(30, spread), series(20, spread), { rounds: 300 });
  const intervals = Array.from({ length: 100 }, () => draw(0.4));
  const held = intervals.filter(({ low, high }) => low <= 1.5 && high >= 1.5).length;
  assert.ok(held >= 88, `${held} of 100`);
  const width = ({ low, high }) => high - low;
  assert.ok(width(draw(0.02)) < width(intervals[0]) / 5);
});

test("the same seed draws the same", () => {
  assert.deepEqual(ratio([1, 2, 3, 9], [2, 2, 3, 4]), ratio([1, 2, 3, 9], [2, 2, 3, 4]));
});

test("noise compares odd with even members", () => {
  assert.equal(noise([1, 2, 1, 2]), 2);
  assert.equal(noise([5]), 1);
});
