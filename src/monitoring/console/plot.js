// A live plot: one or two lines over the last five minutes, with what they are now as text.

import { make, setText } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 100;
export const WINDOW_MS = 300_000;

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

export class Plot {
  /** `series`: the names of its lines. `shown`: makes text of a value. */
  constructor(title, series, shown) {
    this.title = title;
    this.series = series;
    this.shown = shown;
    this.points = [];
    this.picture = svg("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this.picture.append(svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1 }));
    this.lines = series.map((_, i) => svg("path", { class: i === 0 ? "line" : "line second" }));
    this.picture.append(...this.lines);
    this.legends = series.map((_, i) => make("span", { className: i === 0 ? "legend" : "legend second" }));
    this.peak = make("span");
    this.element = make(
      "figure",
      {},
      make("figcaption", {}, make("strong", {}, title), ...this.legends),
      this.picture,
      make("div", { className: "span", ariaHidden: "true" }, make("span", {}, "five minutes ago"), this.peak, make("span", {}, "now")),
    );
    this.draw(Date.now());
  }

  /** `values`: one a line; null where there is none. */
  add(now, values) {
    this.points.push({ now, values });
    while (this.points[0].now < now - WINDOW_MS) this.points.shift();
    this.draw(now);
  }

  draw(now) {
    const all = this.points.flatMap((point) => point.values).filter((value) => value !== null);
    const most = Math.max(...all, 0) || 1;
    const latest = this.points.at(-1)?.values ?? this.series.map(() => null);
    this.series.forEach((name, i) => {
      let path = "";
      let drawing = false;
      for (const { now: when, values } of this.points) {
        if (values[i] === null) {
          drawing = false;
          continue;
        }
        const x = WIDTH * (1 - (now - when) / WINDOW_MS);
        const y = HEIGHT - 2 - (values[i] / most) * (HEIGHT - 8);
        path += `${drawing ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
        drawing = true;
      }
      this.lines[i].setAttribute("d", path);
      setText(this.legends[i], `${name} ${latest[i] === null ? "–" : this.shown(latest[i])}`);
    });
    setText(this.peak, all.length === 0 ? "" : `at most ${this.shown(most)}`);
    const said = this.series.map((name, i) => `${name} ${latest[i] === null ? "unknown" : this.shown(latest[i])}`);
    this.picture.setAttribute("aria-label", `${this.title}: now ${said.join(", ")}; at most ${this.shown(most)}`);
  }
}
