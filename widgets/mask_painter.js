// A brush over a picture: a layer with the mask, above it one with the strokes that correct it. Strokes live in their
// layer's colours; Python gets one byte per pixel (0 none, 1 occluded, 2 visible) when the pointer lifts.
const [OCCLUDED, VISIBLE] = [1, 2];
const KINDS = [OCCLUDED, VISIBLE];
const COLOURS = { [OCCLUDED]: [214, 51, 132], [VISIBLE]: [51, 160, 90] };

function render({ model, el }) {
  const frame = document.createElement("div");
  const image = document.createElement("img");
  const [mask, strokes] = [document.createElement("canvas"), document.createElement("canvas")];
  const [under, brush] = [mask, strokes].map((layer) =>
    layer.getContext("2d", { willReadFrequently: true }),
  );
  frame.className = "d3f-brush";
  frame.style.cssText = "position: relative; max-width: 100%; line-height: 0";
  image.style.cssText = "width: 100%; user-select: none";
  const cover = "position: absolute; inset: 0; width: 100%; height: 100%;";
  mask.style.cssText = `${cover} opacity: 0.55`;
  strokes.style.cssText = `${cover} opacity: 0.55; cursor: crosshair; touch-action: none`;
  strokes.setAttribute("aria-label", "Paint over what hides the face");
  frame.append(image, mask, strokes);
  el.append(frame);
  let last = null;
  let url = null;

  function showImage() {
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get("image")]));
    image.src = url;
    image.alt = model.get("alt");
  }

  function showMarks() {
    const [width, height] = model.get("size");
    frame.style.width = `${width}px`;
    for (const layer of [mask, strokes]) Object.assign(layer, { width, height });
    const [masked, marks] = [model.get("mask"), model.get("strokes")];
    if (masked.byteLength !== width * height || marks.byteLength !== width * height) return;
    const [below, above] = [
      under.createImageData(width, height),
      brush.createImageData(width, height),
    ];
    for (let i = 0; i < width * height; i++) {
      const mark = marks.getUint8(i);
      if (mark) above.data.set([...COLOURS[mark], 255], 4 * i);
      else if (masked.getUint8(i)) below.data.set([...COLOURS[OCCLUDED], 255], 4 * i);
    }
    under.putImageData(below, 0, 0);
    brush.putImageData(above, 0, 0);
  }

  function place(event) {
    const box = strokes.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * strokes.width) / box.width,
      ((event.clientY - box.top) * strokes.height) / box.height,
    ];
  }

  function line(layer, from, to, colour) {
    Object.assign(layer, {
      lineWidth: 2 * model.get("radius"),
      lineCap: "round",
      strokeStyle: `rgb(${colour})`,
    });
    layer.beginPath();
    layer.moveTo(...from);
    layer.lineTo(...to);
    layer.stroke();
  }

  function stroke(event) {
    const to = place(event);
    under.globalCompositeOperation = "destination-out";
    for (const layer of [under, brush])
      line(layer, last || to, to, COLOURS[KINDS[model.get("kind")]]);
    last = to;
  }

  function send() {
    if (!last) return;
    last = null;
    const { width, height } = strokes;
    const { data } = brush.getImageData(0, 0, width, height);
    const marks = new Uint8Array(width * height);
    for (let i = 0; i < marks.length; i++) {
      const [red, green, , alpha] = data.subarray(4 * i, 4 * i + 4);
      if (alpha > 127) marks[i] = red > green ? OCCLUDED : VISIBLE;
    }
    model.set("strokes", new DataView(marks.buffer));
    model.save_changes();
  }

  strokes.addEventListener("pointerdown", (event) => {
    strokes.setPointerCapture(event.pointerId);
    stroke(event);
  });
  strokes.addEventListener("pointermove", (event) => last && stroke(event));
  strokes.addEventListener("pointerup", send);
  strokes.addEventListener("pointercancel", send);
  const listeners = { image: showImage, size: showMarks, mask: showMarks, strokes: showMarks };
  for (const [name, listener] of Object.entries(listeners)) model.on(`change:${name}`, listener);
  showImage();
  showMarks();
  return () => {
    for (const [name, listener] of Object.entries(listeners)) model.off(`change:${name}`, listener);
    URL.revokeObjectURL(url);
  };
}
export default { render };
