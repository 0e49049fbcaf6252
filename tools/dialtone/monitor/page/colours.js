// Colours of the plots: from the style sheet, and a scale for levels that is even to the eye.

/** A colour of the style sheet as it is in use now. */
export const colour = (name) => {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
};

const probe = document.createElement("i");
probe.hidden = true;
document.documentElement.append(probe);

/** Whether the page is dark now. */
export function isDark() {
  const theme = document.documentElement.dataset.theme;
  if (theme === "dark" || theme === "light") return theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * 256 colours as bytes (r, g, b, 255), from quiet to loud: lightness changes evenly in Oklab, away
 * from the ground of the page, so that equal steps of dB look equal, in grey too.
 * Oklab to sRGB: Björn Ottosson, "A perceptual color space for image processing", 2020.
 */
export function scale(dark) {
  const table = new Uint8ClampedArray(1024);
  const [from, to] = dark ? [0.16, 0.95] : [0.985, 0.3];
  for (let step = 0; step < 256; step++) {
    const at = step / 255;
    const hue = ((dark ? 265 - 165 * at : 190 + 85 * at) * Math.PI) / 180;
    const chroma = (dark ? 0.035 + 0.1 * Math.sin(Math.PI * at ** 0.8) : 0.012 + 0.12 * at) * (dark ? 1 : 1 - 0.25 * at);
    table.set([...srgb(from + (to - from) * at, chroma * Math.cos(hue), chroma * Math.sin(hue)), 255], 4 * step);
  }
  return table;
}

function srgb(light, a, b) {
  const long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short,
  ].map((linear) => 255 * (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055));
}
