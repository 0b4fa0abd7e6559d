// A state as the part of an address behind "#", short and readable.

const SHORT = {
  dpp_weight: "w",
  published_weight: "wp",
  number: "n",
  seed: "s",
  bandwidth: "h",
  mass: "m",
  iterations: "t",
  form: "f",
  head: "head",
  look: "look",
  yaw: "yaw",
  pitch: "pitch",
  zoom: "zoom",
  point: "at",
  held: "hold",
};
const LONG = new Map(Object.entries(SHORT).map(([name, short]) => [short, name]));

/** A state, or what of it differs, as text. */
export function intoAddress({ pin, ...state }) {
  const own = Object.entries(state).map(written);
  const pinned = Object.entries(pin ?? {}).map((pair) => `pin.${written(pair)}`);
  return [...own, ...pinned].join("&");
}

function written([name, value]) {
  const short = (one) => (typeof one === "number" ? +one.toFixed(4) : one);
  const points = () => value.map((point) => point.map(short)).join(";");
  return `${SHORT[name]}=${name === "held" ? points() : short(value)}`;
}

/** What a text says of a state, right or wrong; names that it does not know are left out. */
export function fromAddress(text) {
  const state = {};
  for (const [key, value] of new URLSearchParams(text)) {
    const pinned = key.startsWith("pin.");
    const name = LONG.get(pinned ? key.slice(4) : key);
    if (!name) continue;
    if (pinned) state.pin ??= {};
    const target = pinned ? state.pin : state;
    if (name === "held") target.held = value.split(";").map((one) => one.split(",").map(Number));
    else target[name] = value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
  }
  return state;
}
