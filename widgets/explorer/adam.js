// Adam (Kingma and Ba 2015, algorithm 1) with weight decay, as d3f_lite/common/adam.py.

const FIRST = 0.9; // decay of the gradient's running mean
const SECOND = 0.999; // decay of the running mean of its square

export class Adam {
  /** Moves the array `unknown`, which it shares, downhill at a `rate` in its units. */
  constructor(unknown, rate, decay = 0) {
    Object.assign(this, { unknown, rate, decay, steps: 0 });
    this.mean = new Float64Array(unknown.length);
    this.square = new Float64Array(unknown.length);
  }

  /** One step against a gradient of the size of `unknown`. */
  step(gradient) {
    const { unknown, mean, square } = this;
    this.steps += 1;
    const [first, second] = [1 - FIRST ** this.steps, 1 - SECOND ** this.steps];
    for (let i = 0; i < unknown.length; i++) {
      const slope = gradient[i] + this.decay * unknown[i];
      mean[i] += (1 - FIRST) * (slope - mean[i]);
      square[i] += (1 - SECOND) * (slope * slope - square[i]);
      unknown[i] -= (this.rate * (mean[i] / first)) / (Math.sqrt(square[i] / second) + 1e-8);
    }
  }
}
