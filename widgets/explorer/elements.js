// Elements of a page, and numbers in words.

/** An element with properties and children; `aria-…` and the like are attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** An SVG element with attributes and children. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Whole numbers from low to high. */
export function whole(low, high) {
  return Array.from({ length: high - low + 1 }, (_, n) => low + n);
}

/** Numbers and some more, in order. */
export function among(values, ...more) {
  return [...new Set([...values, ...more])].sort((one, other) => one - other);
}

export const millimetres = (value) => `${value.toFixed(1)} mm`;

export function percent(share) {
  if (share < 0.001) return "Less than 0.1 %";
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

const TOPS = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100]; // mm

/** Where a scale ends that reaches `highest`. */
export const scaleTop = (highest) => TOPS.find((top) => top >= highest) ?? Math.ceil(highest);
