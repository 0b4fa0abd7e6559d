// The photo and what hides the face: as a figure, and as a picture to lay on heads.

import { make } from "./elements.js";

/** The photo with its occluder in magenta; nothing where the page holds none. */
export function photo({ data, hidden }) {
  if (!data.photo) return "";
  const told = hidden === "hidden" ? "Magenta marks what hides the face" : "Nothing hides the face";
  return make(
    "figure",
    { className: "photo" },
    make(
      "div",
      {},
      make("img", { src: data.photo, alt: `The photo ${data.name}` }),
      make("img", { src: data.mask, alt: told }),
    ),
    make("figcaption", { className: "soft" }, `The photo. ${told}.`),
  );
}

/** What a page gives away: said on it. */
export function holdings({ photo }) {
  if (!photo) return "This page holds neither the photo nor its colours.";
  return "This page holds the photo and the face's colours: whoever gets it has them.";
}

/** The photo as ImageData, see-through where the occluder lies, and all over where the page holds none. */
export async function pictureOf(data) {
  if (!data.photo) return new ImageData(1, 1);
  const [width, height] = data.size;
  const pixels = async (address) => {
    const image = Object.assign(new Image(), { src: address });
    await image.decode();
    const canvas = make("canvas", { width, height });
    const brush = canvas.getContext("2d");
    brush.drawImage(image, 0, 0, width, height);
    return brush.getImageData(0, 0, width, height);
  };
  const [picture, mask] = await Promise.all([data.photo, data.mask].map(pixels));
  for (let i = 3; i < mask.data.length; i += 4) {
    picture.data[i] = 255 * (1 - mask.data[i] / data.opacity);
  }
  return picture;
}
