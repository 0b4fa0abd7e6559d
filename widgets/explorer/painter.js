// The brush in a notebook, as anywidget shows it.

import { brush } from "./brush.js";

function render({ model, el }) {
  let url = null;
  const bytes = (name) => {
    const { buffer, byteOffset, byteLength } = model.get(name);
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  const { element, show, mark } = brush((marks) => {
    model.set("painted", new DataView(marks.buffer));
    model.save_changes();
  });
  const marked = () => mark(bytes("mask"), bytes("painted"));
  const shown = () => {
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get("image")]));
    show(url, model.get("alt"), model.get("size"));
    marked();
  };
  const listeners = { "change:image": shown, "change:mask": marked, "change:painted": marked };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  shown();
  el.append(element);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
    URL.revokeObjectURL(url);
  };
}

export default { render };
