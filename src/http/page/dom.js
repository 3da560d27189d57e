// The page is made of elements and of text; nothing that anybody wrote is ever read as HTML.

export const byId = (id) => document.getElementById(id);

/** An element with these properties and children, which are elements or text. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

/** Of users: it has a direction of its own, so that it turns none of the words around it. */
export const bdi = (text) => make("bdi", {}, text);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Of the links to what the page can show, the one to what it shows now. */
export function showCurrent(name) {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en");

export const shownNumber = (value) => (Number.isInteger(value) ? whole : number).format(value);

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** 3 min, 250 ms */
export function shownDuration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  const [size, unit] = UNITS.find(([least]) => seconds >= least);
  const count = seconds / size;
  return `${shownNumber(count < 10 && unit !== "s" ? Math.round(count * 10) / 10 : Math.round(count))} ${unit}`;
}

/** in 3 min, 20 s ago */
export function shownDistance(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds === 0) return "now";
  return seconds > 0 ? `in ${shownDuration(seconds)}` : `${shownDuration(-seconds)} ago`;
}

export const shownTime = (milliseconds) =>
  new Date(milliseconds).toISOString().replace("T", " ").replace(/\.\d+Z/, " UTC");
