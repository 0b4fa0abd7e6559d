// Drawing with WebGL: any number of heads on one canvas, each morphing from one shape into another.

import { atVertices } from "./mesh.js";
import { FRAGMENT, VERTEX } from "./shaders.js";
import { STRIDE } from "./shapes.js";

export class View {
  /** `picture`: the photo as ImageData; `restored` is called when a lost canvas has come back. */
  constructor(canvas, data, posterior, mesh, picture, restored) {
    Object.assign(this, { canvas, data, posterior, mesh, picture, shapes: [], dirty: true });
    this.gl = canvas.getContext("webgl2", { antialias: false }); // what rests is drawn finer instead
    if (!this.gl) throw new Error("this browser has no WebGL 2, or has it switched off");
    this.prepare();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.prepare();
      this.shapes.splice(0).forEach((shape, n) => {
        this.show(n, shape.to, shape.from);
        this.shapes[n].morph = 1;
      });
      restored();
    });
  }

  /** Shaders, textures, and what all heads share. */
  prepare() {
    const { gl, data, posterior, mesh } = this;
    this.program = this.compiled();
    gl.useProgram(this.program);
    const kinds = new Uint8Array(4 * mesh.vertices.length);
    mesh.vertices.forEach((vertex, n) => {
      kinds.set(
        ["heat", "skin", "tones", "never"].map((name) => posterior[name][vertex]),
        4 * n,
      );
    });
    this.kinds = this.buffer(gl.ARRAY_BUFFER, kinds);
    const tints = Uint8Array.from(atVertices(posterior.tints, mesh.vertices, posterior.count));
    this.tints = this.buffer(gl.ARRAY_BUFFER, tints);
    this.triangles = this.buffer(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles);
    const wide = mesh.triangles instanceof Uint32Array;
    this.indices = wide ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT;
    this.texture(0, "colours", stripOf(data.colours));
    this.texture(1, "picture", this.picture);
    const onto = [0, 1, 2, 3].flatMap((column) => data.onto.map((row) => row[column]));
    gl.uniformMatrix4x3fv(this.at("onto"), false, onto);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.SCISSOR_TEST);
  }

  compiled() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    const linked = gl.getProgramParameter(program, gl.LINK_STATUS);
    if (!linked && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(program));
    return program;
  }

  at(name) {
    return this.gl.getUniformLocation(this.program, name);
  }

  buffer(kind, values) {
    const { gl } = this;
    const buffer = gl.createBuffer();
    gl.bindVertexArray(null);
    gl.bindBuffer(kind, buffer);
    gl.bufferData(kind, values, gl.STATIC_DRAW);
    return buffer;
  }

  texture(unit, name, image) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
      gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    }
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.uniform1i(this.at(name), unit);
  }

  /** Let head n morph into another shape (n, STRIDE), from what it was or from the shape `from`. */
  show(n, shape, from = null) {
    const { gl } = this;
    this.shapes[n] ??= {
      array: gl.createVertexArray(),
      buffers: [gl.createBuffer(), gl.createBuffer()],
      to: null,
    };
    const slot = this.shapes[n];
    const start = from ?? (slot.to ? null : shape); // null: the buffer of what it was
    Object.assign(slot, { from: start ?? slot.to, to: shape, morph: start === shape ? 1 : 0 });
    slot.buffers.reverse();
    gl.bindVertexArray(slot.array);
    [start, shape].forEach((values, end) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, slot.buffers[end]);
      if (values) gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
      ["place", "normal", "value"].forEach((name, part) => {
        const size = [3, 3, 1][part];
        this.attribute(`${name}${"AB"[end]}`, size, gl.FLOAT, false, 4 * STRIDE, 12 * part);
      });
    });
    gl.bindBuffer(gl.ARRAY_BUFFER, this.kinds);
    this.attribute("kind", 4, gl.UNSIGNED_BYTE, true, 4, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.tints);
    this.attribute("tint", 3, gl.UNSIGNED_BYTE, true, 3, 0);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.triangles);
  }

  attribute(name, ...how) {
    const where = this.gl.getAttribLocation(this.program, name);
    this.gl.enableVertexAttribArray(where);
    this.gl.vertexAttribPointer(where, ...how);
  }

  /** The shape that head n has now, between the two it morphs from and to. */
  shapeOf(n) {
    const { from, to, morph } = this.shapes[n];
    return morph >= 1 ? to : from.map((value, i) => value + morph * (to[i] - value));
  }

  /** Draw heads, each into its place [left, top, width, height], css px, of the canvas.
   *
   * `top` ends the colour scale (mm), `look` is of LOOKS, `sharpness` px per css px. */
  draw(places, camera, { top, look, zoom, sharpness }) {
    const { gl, canvas, mesh } = this;
    const fine = (side) => Math.round(side * sharpness);
    const [wide, high] = [fine(canvas.clientWidth), fine(canvas.clientHeight)];
    if (canvas.width !== wide || canvas.height !== high) {
      Object.assign(canvas, { width: wide, height: high });
    }
    gl.scissor(0, 0, wide, high);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const turn = [0, 1, 2].flatMap((column) => camera.turn.map((row) => row[column]));
    gl.uniformMatrix3fv(this.at("turn"), false, turn);
    gl.uniform3fv(this.at("centre"), camera.centre);
    gl.uniform1f(this.at("depth"), Math.hypot(...camera.extent));
    gl.uniform1f(this.at("top"), top);
    gl.uniform3fv(this.at("look"), look);
    places.forEach(([left, above, width, height], n) => {
      if (!this.shapes[n]) return;
      const box = [left, canvas.clientHeight - above - height, width, height].map(fine);
      gl.viewport(...box);
      gl.scissor(...box);
      gl.uniform3fv(this.at("lens"), camera.lens(width / height, zoom));
      gl.uniform1f(this.at("morph"), this.shapes[n].morph);
      gl.bindVertexArray(this.shapes[n].array);
      gl.drawElements(gl.TRIANGLES, mesh.triangles.length, this.indices, 0);
    });
  }

  /** Give the memory back; nothing can be drawn any more. */
  close() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/** Colours "#rrggbb" as a picture of one row. */
function stripOf(colours) {
  const hex = (colour) => [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
  const pixels = colours.flatMap((colour) => [...hex(colour), 255]);
  return new ImageData(Uint8ClampedArray.from(pixels), colours.length, 1);
}
