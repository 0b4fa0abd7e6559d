// The explorer as a page of its own, whose address holds the state.

import { fromAddress, intoAddress } from "./address.js";
import { mount } from "./explorer.js";

const root = document.getElementById("explorer");
const data = JSON.parse(document.getElementById("data").textContent);
const host = {
  load: () => fromAddress(location.hash.slice(1)),
  save: (state) => history.replaceState(null, "", `#${intoAddress(state)}`),
};
root.classList.add("page");
const explorer = await mount(root, data, host);
addEventListener("hashchange", () => explorer.restore(host.load()));
if (!explorer.calm.matches) explorer.update({ turns: explorer.state.number }); // each head once
