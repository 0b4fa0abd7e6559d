// A brush over a picture: a layer with the mask, above it one with the strokes that correct it.

import { clamp, make } from "./elements.js";

const [OCCLUDED, VISIBLE] = [1, 2];
const COLOURS = { [OCCLUDED]: [214, 51, 132], [VISIBLE]: [51, 160, 90] };
const MOST_UNDONE = 20; // strokes
const COVER = "position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0.55;";

/** A picture to paint on. `painted` gets the strokes after each change that a person makes: a byte per
 * pixel, 0 where nothing is said, 1 = occluded, 2 = visible; `show` and `mark` draw what the host has. */
export function brush(painted) {
  const image = make("img", { style: "width: 100%; user-select: none" });
  const [below, above] = ["", "cursor: crosshair; touch-action: none"].map((more) =>
    make("canvas", { style: COVER + more }),
  );
  above.ariaLabel = "Paint over what hides the face";
  const [mask, strokes] = [below, above].map((layer) =>
    layer.getContext("2d", { willReadFrequently: true }),
  );
  const frame = make("div", { className: "d3f-brush" }, image, below, above);
  frame.style.cssText = "position: relative; max-width: 100%; line-height: 0";
  const radius = make("input", { type: "range", min: 2, max: 60, value: 12 });
  const kind = make(
    "select",
    {},
    ...["occluded", "visible"].map((name) => make("option", {}, name)),
  );
  const button = (name, onclick) => {
    const className = "jupyter-button widget-button"; // as a notebook's own, where there is one
    return make("button", { type: "button", className, onclick, style: "width: auto" }, name);
  };
  const undo = button("Undo", () => change(before.pop()));
  const clear = button("Clear", () => {
    keep();
    change(new Uint8Array(above.width * above.height));
  });
  const tools = make("div", { style: "display: flex; flex-wrap: wrap; gap: 6px" });
  tools.append(
    make("label", {}, "brush radius r (px) ", radius),
    make("label", {}, "paints ", kind),
  );
  tools.append(undo, clear);
  let before = []; // strokes, to be undone
  let last = null; // where the brush is while it paints

  /** Show another picture, of that size in px and without a past. */
  function show(source, alt, [width, height]) {
    Object.assign(image, { src: source, alt });
    frame.style.width = `${width}px`;
    for (const layer of [below, above]) Object.assign(layer, { width, height });
    before = [];
    undo.disabled = true;
  }

  /** Mark the mask, and over it the strokes: a byte per pixel each. */
  function mark(masked, marks) {
    const { width, height } = above;
    if (masked.length !== width * height || marks.length !== width * height) return;
    const [under, over] = [mask, strokes].map((layer) => layer.createImageData(width, height));
    marks.forEach((one, i) => {
      if (one) over.data.set([...COLOURS[one], 255], 4 * i);
      else if (masked[i]) under.data.set([...COLOURS[OCCLUDED], 255], 4 * i);
    });
    mask.putImageData(under, 0, 0);
    strokes.putImageData(over, 0, 0);
  }

  /** The strokes as they stand, from their colours. */
  function read() {
    const { data } = strokes.getImageData(0, 0, above.width, above.height);
    return Uint8Array.from({ length: data.length / 4 }, (_, i) => {
      const [red, green, , alpha] = data.subarray(4 * i, 4 * i + 4);
      if (alpha <= 127) return 0;
      return red > green ? OCCLUDED : VISIBLE;
    });
  }

  function keep() {
    before = [...before, read()].slice(-MOST_UNDONE);
  }

  function change(marks) {
    undo.disabled = !before.length;
    painted(marks);
  }

  function stroke({ clientX, clientY }) {
    const box = above.getBoundingClientRect();
    const across = (clamp(clientX - box.left, 0, box.width) * above.width) / box.width;
    const along = (clamp(clientY - box.top, 0, box.height) * above.height) / box.height;
    const colour = COLOURS[kind.value === "visible" ? VISIBLE : OCCLUDED];
    mask.globalCompositeOperation = "destination-out";
    for (const layer of [mask, strokes]) {
      const style = {
        lineWidth: 2 * radius.value,
        lineCap: "round",
        strokeStyle: `rgb(${colour})`,
      };
      Object.assign(layer, style).beginPath();
      layer.moveTo(...(last ?? [across, along]));
      layer.lineTo(across, along);
      layer.stroke();
    }
    last = [across, along];
  }

  above.addEventListener("pointerdown", (event) => {
    above.setPointerCapture(event.pointerId);
    keep();
    stroke(event);
  });
  above.addEventListener("pointermove", (event) => {
    if (last) stroke(event);
  });
  for (const event of ["pointerup", "pointercancel"]) {
    above.addEventListener(event, () => {
      if (last) change(read());
      last = null;
    });
  }
  return { element: make("div", {}, frame, tools), show, mark };
}
