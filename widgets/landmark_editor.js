// Points over a picture, in its own pixels; each can be dragged. Python hears of a move when the pointer lifts.
const SVG = "http://www.w3.org/2000/svg";

function render({ model, el }) {
  const [width, height] = model.get("size");
  const frame = document.createElement("div");
  const image = document.createElement("img");
  const layer = document.createElementNS(SVG, "svg");
  frame.className = "d3f-landmarks";
  frame.style.cssText = "position: relative; width: 520px; max-width: 100%; line-height: 0";
  image.style.cssText = "width: 100%; user-select: none";
  layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
  layer.style.cssText =
    "position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none";
  const url = URL.createObjectURL(new Blob([model.get("image")]));
  image.src = url;
  image.alt = model.get("alt");
  frame.append(image, layer);
  el.append(frame);
  const radius = model.get("radius");

  function draw() {
    const [points, sure] = [model.get("points"), model.get("sure")];
    layer.replaceChildren(
      ...points.map(([x, y], number) => {
        const dot = document.createElementNS(SVG, "circle");
        const title = document.createElementNS(SVG, "title");
        title.textContent = `landmark ${number}`;
        dot.append(title);
        const fill = sure[number] ? "#fde725" : "rgba(0, 0, 0, 0.4)";
        const look = {
          cx: x,
          cy: y,
          r: radius,
          "stroke-width": radius / 2,
          stroke: "#fde725",
          fill,
        };
        for (const [name, value] of Object.entries(look)) dot.setAttribute(name, value);
        dot.style.cursor = "grab";
        dot.addEventListener("pointerdown", (event) => drag(event, dot, number));
        return dot;
      }),
    );
  }

  function drag(start, dot, number) {
    dot.setPointerCapture(start.pointerId);
    dot.onpointermove = (event) => {
      const box = layer.getBoundingClientRect();
      dot.setAttribute("cx", ((event.clientX - box.left) * width) / box.width);
      dot.setAttribute("cy", ((event.clientY - box.top) * height) / box.height);
    };
    dot.onpointerup = () => {
      dot.onpointermove = dot.onpointerup = null;
      const points = model.get("points").map((point) => [...point]);
      points[number] = [Number(dot.getAttribute("cx")), Number(dot.getAttribute("cy"))];
      model.set("points", points);
      model.save_changes();
    };
  }

  model.on("change:points", draw);
  model.on("change:sure", draw);
  draw();
  return () => {
    model.off("change:points", draw);
    model.off("change:sure", draw);
    URL.revokeObjectURL(url);
  };
}
export default { render };
