// The explorer in a notebook, as anywidget shows it: traitlets hold the data and the state.

import { mount } from "./explorer.js";

function render({ model, el }) {
  let explorer = null;
  let latest = null; // the data that were asked for last

  const host = {
    load: () => model.get("state"),
    save(state) {
      model.set("state", state);
      model.save_changes();
    },
  };

  async function open() {
    const data = model.get("data");
    latest = data;
    if (!data.arrays) {
      el.textContent = "The heads stand here as soon as the photo is fitted.";
      return;
    }
    const root = document.createElement("div");
    const opened = await mount(root, data, host);
    if (latest !== data) return opened.close(); // others came meanwhile
    explorer?.close();
    explorer = opened;
    el.replaceChildren(root);
  }

  const restore = () => explorer?.restore(host.load());
  model.on("change:data", open);
  model.on("change:state", restore);
  open();
  return () => {
    model.off("change:data", open);
    model.off("change:state", restore);
    latest = null;
    explorer?.close();
  };
}

export default { render };
