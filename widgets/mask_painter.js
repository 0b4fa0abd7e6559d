// A brush over a picture. The mask lives in the canvas' alpha; Python gets one byte per pixel when the pointer lifts.
function render({ model, el }) {
  const [width, height] = model.get("size");
  const frame = document.createElement("div");
  const image = document.createElement("img");
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  frame.className = "d3f-brush";
  frame.style.cssText = `position: relative; width: ${width}px; max-width: 100%; line-height: 0`;
  image.style.cssText = "width: 100%; user-select: none";
  canvas.style.cssText =
    "position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0.55; cursor: crosshair; touch-action: none";
  canvas.setAttribute("aria-label", "Paint over what hides the face");
  frame.append(image, canvas);
  el.append(frame);
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  let last = null;
  let url = null;

  function showImage() {
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get("image")]));
    image.src = url;
    image.alt = model.get("alt");
  }

  function showMask() {
    const mask = model.get("mask");
    const pixels = brush.createImageData(width, height);
    for (let i = 0; i < mask.byteLength; i++) {
      if (mask.getUint8(i)) pixels.data.set([214, 51, 132, 255], 4 * i);
    }
    brush.putImageData(pixels, 0, 0);
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * height) / box.height];
  }

  function stroke(event) {
    const [x, y] = place(event);
    brush.globalCompositeOperation = model.get("erasing") ? "destination-out" : "source-over";
    Object.assign(brush, { lineWidth: 2 * model.get("radius"), lineCap: "round", strokeStyle: "rgb(214, 51, 132)" });
    brush.beginPath();
    brush.moveTo(...(last || [x, y]));
    brush.lineTo(x, y);
    brush.stroke();
    last = [x, y];
  }

  function send() {
    if (!last) return;
    last = null;
    const { data } = brush.getImageData(0, 0, width, height);
    const mask = new Uint8Array(width * height);
    for (let i = 0; i < mask.length; i++) mask[i] = data[4 * i + 3] > 127 ? 1 : 0;
    model.set("mask", new DataView(mask.buffer));
    model.save_changes();
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    stroke(event);
  });
  canvas.addEventListener("pointermove", (event) => last && stroke(event));
  canvas.addEventListener("pointerup", send);
  canvas.addEventListener("pointercancel", send);
  model.on("change:image", showImage);
  model.on("change:mask", showMask);
  showImage();
  showMask();
  return () => {
    model.off("change:image", showImage);
    model.off("change:mask", showMask);
    URL.revokeObjectURL(url);
  };
}
export default { render };
