// Points over a picture, in its own pixels, as anywidget shows them: each can be dragged, and Python hears
// of a move when the pointer lifts.

import { draw, make } from "./elements.js";

function render({ model, el }) {
  const [width, height] = model.get("size");
  const url = URL.createObjectURL(new Blob([model.get("image")]));
  const image = make("img", { src: url, alt: model.get("alt"), style: "width: 100%" });
  const layer = draw("svg", { viewBox: `0 0 ${width} ${height}` });
  layer.style.cssText = "position: absolute; inset: 0; width: 100%; touch-action: none";
  const frame = make("div", { className: "d3f-landmarks" }, image, layer);
  frame.style.cssText = "position: relative; width: 520px; max-width: 100%; line-height: 0";
  const note =
    "Drag a point to correct it. Hollow points are hidden or unsure: they weigh nothing.";
  const words = make("span", { role: "status" });
  const className = "jupyter-button widget-button";
  const reset = make("button", { className, onclick: () => model.send("reset") }, "Reset");
  el.append(make("p", {}, note), frame, reset, " ", words);

  function show() {
    words.textContent = model.get("words");
    const [r, sure] = [model.get("radius"), model.get("sure")];
    const dots = model.get("points").map(([cx, cy], number) => {
      const fill = sure[number] ? "#fde725" : "rgba(0, 0, 0, 0.4)";
      const look = { cx, cy, r, fill, stroke: "#fde725", "stroke-width": r / 2, cursor: "grab" };
      const dot = draw("circle", look, draw("title", {}, `landmark ${number}`));
      dot.addEventListener("pointerdown", (event) => drag(event, dot, number));
      return dot;
    });
    layer.replaceChildren(...dots);
  }

  function drag(start, dot, number) {
    dot.setPointerCapture(start.pointerId);
    dot.onpointermove = (event) => {
      const box = layer.getBoundingClientRect();
      dot.setAttribute("cx", ((event.clientX - box.left) * width) / box.width);
      dot.setAttribute("cy", ((event.clientY - box.top) * height) / box.height);
    };
    dot.onpointerup = () => {
      dot.onpointermove = null;
      const points = model.get("points").map((point) => [...point]);
      points[number] = ["cx", "cy"].map((side) => Number(dot.getAttribute(side)));
      model.set("points", points);
      model.save_changes();
    };
  }

  const events = ["change:points", "change:sure", "change:words"];
  for (const event of events) model.on(event, show);
  show();
  return () => {
    for (const event of events) model.off(event, show);
    URL.revokeObjectURL(url);
  };
}

export default { render };
