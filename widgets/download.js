// A link that saves bytes from Python as a file; there is no link while there are no bytes.
function render({ model, el }) {
  const link = document.createElement("a");
  el.className = "d3f-download";
  el.append(link);
  let url = null;

  function show() {
    if (url) URL.revokeObjectURL(url);
    const content = model.get("content");
    url = content.byteLength ? URL.createObjectURL(new Blob([content])) : null;
    link.hidden = !url;
    if (url)
      Object.assign(link, {
        href: url,
        download: model.get("name"),
        textContent: `Download ${model.get("name")}`,
      });
  }

  model.on("change:content", show);
  show();
  return () => {
    model.off("change:content", show);
    URL.revokeObjectURL(url);
  };
}
export default { render };
