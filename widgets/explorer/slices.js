// Long work is a generator that yields between slices, so that a page can draw in between.

/** Run the slices to their end at once, and return what they give. */
export function atOnce(slices) {
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
  }
}
