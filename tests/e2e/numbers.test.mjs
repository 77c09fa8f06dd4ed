// The browser gives the numbers of the native command, on both devices.
//
// The native engine is measured against Captum and zennit in its own tests; here the same networks and a picture go
// through the worker's protocol, without the page, and every map is compared value by value.

import { assertSame, inWorker, native, openBare, picture } from "./compare.mjs";
import { scenario } from "./support.mjs";

const NETWORKS = ["plain", "residual", "depthwise", "concat"];
const METHODS = [
  "gradient", "input_t_gradient", "guided_backprop", "grad_cam", "lrp.epsilon", "lrp.z_plus", "lrp.alpha_2_beta_1",
  "lrp.sequential_preset_a_flat",
];
/** Largest difference as a share of the largest value. */
const TOLERANCE = 1e-4;

for (const device of ["cpu", "gpu"]) {
  scenario(`${device}: the worker's maps are the native command's`, { device, visit: false, timeout: 900_000 }, async ({ page, server }) => {
    await openBare(page, server);
    const image = picture(64, 48);
    for (const network of NETWORKS) {
      const expected = await native(network, image, METHODS);
      const maps = await inWorker(page, device, network, [image], METHODS.map((method) => ({ method })));
      for (const [index, method] of METHODS.entries()) {
        const { values, reason } = maps[index];
        if (!values) throw new Error(`${network} ${method}: ${reason}`);
        assertSame(`${network} ${method}`, values, expected.get(method).values, TOLERANCE);
      }
    }
  });
}
