// A button that sends one photo to Python; one that is too large is refused here, before it is sent.

import { make } from "./elements.js";

function render({ model, el }) {
  const style = "position: absolute; inset: 0; opacity: 0; cursor: pointer";
  const input = make("input", {
    type: "file",
    accept: "image/jpeg,image/png",
    ariaLabel: "Your photo",
    style,
  });
  const button = make("label", { className: "jupyter-button widget-button" }, "Your photo", input);
  button.style.cssText = "width: auto; position: relative; overflow: hidden";
  const words = make("span", { role: "alert", style: "color: #b00020" });
  el.append(button, words);

  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    const most = model.get("most");
    const fits = file.size <= most;
    words.textContent = fits
      ? ""
      : ` ${file.name}: ${(file.size / 1e6).toFixed(1)} MB; a photo may have ${most / 1e6} MB`;
    if (fits) model.send({ name: file.name }, undefined, [await file.arrayBuffer()]);
    input.value = ""; // so that the same file can be sent again
  });
}

export default { render };
