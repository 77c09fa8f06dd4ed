// The figures that the project has set itself for what explanations cost, and how methods of many passes are measured.

/** Forward passes that an explanation may take at most, the one it starts from included. */
export const COSTS = {
  gradient: 3, input_t_gradient: 3, deconvnet: 3, guided_backprop: 3,
  grad_cam: 1.5,
  "lrp.z": 3, "lrp.epsilon": 3, "lrp.flat": 3, "lrp.w_square": 3,
  "lrp.z_plus": 5, "lrp.z_plus_fast": 5, "lrp.gamma": 5,
  "lrp.alpha_beta": 6, "lrp.alpha_1_beta_0": 6, "lrp.alpha_2_beta_1": 6,
  "lrp.alpha_1_beta_0_IB": 6, "lrp.alpha_2_beta_1_IB": 6,
  "deep_lift.rescale": 4,
};

/** What a method of many passes is held against. */
export const UNITS = {
  /** An explanation by the gradient, both with their own forward pass. */
  gradients: {
    name: "gradients",
    of: ({ forward, gradient, explain }) => (forward + explain) / (forward + gradient),
  },
  /** The forward passes that its definition asks for. */
  passes: {
    name: "times its forward passes",
    of: ({ forward, explain, steps }) => explain / (steps * forward),
  },
};

/**
 * Methods of many passes: the parameters that they are measured with, and what they may cost at most. Those without a
 * figure take fewer samples than by default; what they cost grows in proportion.
 */
export const LONG = {
  smoothgrad: { params: { samples: 50 }, most: 55, unit: "gradients" },
  integrated_gradients: { params: { steps: 64 }, most: 68, unit: "gradients" },
  occlusion: { params: { window: 32, stride: 16 }, most: 1.15, unit: "passes" },
  smoothgrad_squared: { params: { samples: 10 } },
  vargrad: { params: { samples: 10 } },
  score_cam: { params: { channels: 32 } },
  expected_gradients: { params: { samples: 12 } },
  prediction_difference: { params: { window: 64, stride: 48, samples: 2 } },
  lime: { params: { samples: 40 } },
  kernel_shap: { params: { samples: 40, segments: "grid:4" } },
  shapley_sampling: { params: { samples: 2, segments: "grid:4" } },
  rise: { params: { samples: 40 } },
};

/**
 * Points of Integrated Gradients whose memory is compared, what the larger number may take of the smaller, and the bytes
 * it may take, which is the engine's budget for one chunk (`innspect_explain::BUDGET`).
 */
export const MEMORY = { few: 16, many: 64, most: 1.1, budget: 256 * 2 ** 20 };

/** Whether a method is one of many passes or fits something to other pictures: seconds rather than milliseconds. */
export const isLong = ({ steps, pictures }) => steps || pictures;
