// How a head is seen: from afar, turned by yaw (to its left) and pitch (up), in radians.

const FIELD = 0.24; // radians, from the top to the bottom of a view

/** The box around a head (V, 3): its centre and extent, mm. */
export function boxOf(head) {
  const [low, high] = [Array(3).fill(Infinity), Array(3).fill(-Infinity)];
  head.forEach((value, i) => {
    low[i % 3] = Math.min(low[i % 3], value);
    high[i % 3] = Math.max(high[i % 3], value);
  });
  return {
    centre: low.map((value, i) => (value + high[i]) / 2),
    extent: low.map((value, i) => high[i] - value),
  };
}

export class Camera {
  constructor({ centre, extent }, { yaw, pitch, zoom }) {
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const turn = [
      [cy, 0, sy],
      [-sp * sy, cp, sp * cy],
      [-cp * sy, -sp, cp * cy],
    ];
    Object.assign(this, { centre, extent, zoom, turn }); // turn: rows, head to viewer, Rx(−pitch) Ry(yaw)
  }

  /** Focal lengths and the eye's distance (mm) for a view of this width by height. */
  lens(aspect, zoom = this.zoom) {
    const half = Math.max(0.53 * this.extent[1], (0.56 * this.extent[0]) / aspect);
    const focal = 1 / Math.tan(FIELD / 2);
    return [(zoom * focal) / aspect, zoom * focal, half * focal + this.extent[2] / 2];
  }

  /** Where a point (3,) lies in a view of that size: px from its top left corner, and mm towards the eye. */
  project([x, y, z], width, height) {
    const moved = [x - this.centre[0], y - this.centre[1], z - this.centre[2]];
    const [right, up, near] = this.turn.map(
      (row) => row[0] * moved[0] + row[1] * moved[1] + row[2] * moved[2],
    );
    const [across, along, away] = this.lens(width / height);
    const scale = 1 / (away - near);
    const left = (width / 2) * (1 + across * right * scale);
    return [left, (height / 2) * (1 - along * up * scale), near];
  }

  /** px per mm in a view of that size, at the head's middle or so many mm nearer. */
  scale(width, height, near = 0) {
    const [, along, away] = this.lens(width / height);
    return (height / 2) * (along / (away - near));
  }
}
