// How a head is coloured: clay, the photo where it shows the face, the spread's colours elsewhere.

export const VERTEX = `#version 300 es
uniform mat3 turn;
uniform vec3 centre;
uniform vec3 lens;  // focal length over aspect, focal length, distance of the eye in mm
uniform float depth;  // mm
uniform float morph;
uniform mat4x3 onto;
in vec3 placeA, placeB, normalA, normalB;
in float valueA, valueB;
in vec4 kind;  // how much of the scale's colours, skin, tone, how far it is never seen
in vec3 tint;
out vec3 normal, own;
out vec4 seen;
out float value;
out vec2 photo;
void main() {
  vec3 place = mix(placeA, placeB, morph);
  normal = turn * mix(normalA, normalB, morph);
  value = mix(valueA, valueB, morph);
  seen = kind;
  own = tint;
  vec3 at = onto * vec4(place, 1.0);
  photo = at.xy / at.z;
  vec3 view = turn * (place - centre);
  float away = lens.z - view.z;
  gl_Position = vec4(lens.xy * view.xy, (lens.z - away) / depth * -away, away);
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D colours, picture;
uniform float top;  // of the colour scale, mm
uniform vec3 look;  // how much of the scale's colours, of the photo, and of the vertices' own colours
in vec3 normal, own;
in vec4 seen;
in float value;
in vec2 photo;
out vec4 colour;
void main() {
  vec3 n = normalize(gl_FrontFacing ? normal : -normal);
  float key = max(dot(n, normalize(vec3(-0.45, 0.55, 0.75))), 0.0);
  float fill = max(dot(n, normalize(vec3(0.8, 0.05, 0.6))), 0.0);
  float edge = pow(1.0 - max(n.z, 0.0), 3.0);
  float shade = 0.34 + 0.56 * key + 0.2 * fill;
  float gloss = pow(max(dot(n, normalize(vec3(-0.3, 0.42, 0.86))), 0.0), 36.0);
  vec3 clay = vec3(0.93, 0.90, 0.87) * seen.z * 1.24 * shade + 0.07 * gloss;
  clay += 0.10 * edge * vec3(0.75, 0.85, 1.0);
  clay *= 1.0 - 0.38 * seen.w * look.x;  // greyed
  vec3 plain = mix(clay, own * (0.50 + 0.72 * shade) + 0.05 * gloss, look.z);
  vec3 heat = texture(colours, vec2(clamp(value / top, 0.0, 1.0), 0.5)).rgb;
  heat = heat * (0.60 + 0.52 * shade) * (0.55 + 0.45 * seen.z / 0.784) + 0.06 * gloss;
  vec4 texel = texture(picture, photo);
  vec2 inside = step(abs(photo - 0.5), vec2(0.5));
  float within = inside.x * inside.y * smoothstep(0.1, 0.9, seen.y);
  float shown = look.y * smoothstep(0.35, 0.65, texel.a) * within;
  float warm = look.x * mix(seen.x, smoothstep(0.0, 0.2, seen.x), look.y);
  colour = vec4(mix(mix(plain, heat, warm), texel.rgb * (0.86 + 0.16 * shade), shown), 1.0);
  if (!gl_FrontFacing) colour.rgb *= 0.55;
}`;
