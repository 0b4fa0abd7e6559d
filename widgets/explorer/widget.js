// The explorer in a notebook, as anywidget shows it: traitlets hold the data and the state.

import { make } from "./elements.js";
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
    const root = make("div");
    const opened = await mount(root, data, host).catch((error) => {
      el.replaceChildren(root); // it says what is wrong
      throw error;
    });
    if (latest !== data) return opened.close(); // others came meanwhile
    explorer?.close();
    explorer = opened;
    el.replaceChildren(root);
  }

  /** Offer what Python exported; the link goes with the heads that it belongs to. */
  function offer({ archive }, [content]) {
    const href = URL.createObjectURL(new Blob([content]));
    const link = make("a", { href, download: archive, className: "d3fx-archive" });
    link.textContent = `Download ${archive}`;
    el.querySelector(".d3fx-archive")?.remove();
    el.prepend(link);
  }

  const restore = () => explorer?.restore(host.load());
  const listeners = { "change:data": open, "change:state": restore, "msg:custom": offer };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  open();
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
    latest = null;
    explorer?.close();
  };
}

export default { render };
