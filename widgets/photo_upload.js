// A button that sends one photo to Python; one that is too large is refused here, before it is sent.
function render({ model, el }) {
  const button = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "file", accept: "image/*" });
  const words = document.createElement("span");
  button.className = "jupyter-button widget-button";
  button.style.cssText = "width: auto; position: relative; overflow: hidden";
  input.style.cssText = "position: absolute; inset: 0; opacity: 0; cursor: pointer";
  input.setAttribute("aria-label", "Your photo");
  words.setAttribute("role", "alert");
  words.style.color = "#b00020";
  el.className = "d3f-upload";
  button.append("Your photo", input);
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
