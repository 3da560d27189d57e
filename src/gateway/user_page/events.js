// The list of what somebody has scheduled. An item stays the same element as long as its event is listed, so that what has
// the focus keeps it.

import { bdi, byId, make, setText, shownDistance } from "./dom.js";
import { nameOf } from "./rooms.js";

const items = new Map();
const shownDate = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

const CALLS = ["org.matrix.msc3401.call.member", "org.matrix.msc4143.rtc.member", "m.call.member", "m.rtc.member"];

export function whatItSays({ type, content }) {
  if (type === "m.room.message" && typeof content.body === "string") return content.body;
  if (type === "m.room.encrypted") return "An encrypted message";
  if (type === "m.room.redaction") return "Something is removed";
  if (CALLS.includes(type)) return "You leave a call, unless your client says in time that it is still there";
  return type;
}

/** Of the homeserver, in its own words. */
function why({ finalised }) {
  const error = finalised?.error;
  return error ? [error.error, error.errcode].filter((part) => typeof part === "string").join(" · ") : "";
}

const dueOf = ({ delayed_since_ts: since, delay_ms: delay }) => since + delay;

function makeItem(event, onSend, onCancel) {
  const words = `${whatItSays(event)}, in ${nameOf(event.room_id)}`;
  const button = (text, act) => {
    const made = make("button", { type: "button" }, text);
    made.setAttribute("aria-label", `${text}: ${words}`);
    made.addEventListener("click", () => act(event));
    return made;
  };
  const buttons = make("div", { className: "buttons" }, button("Send now", onSend), button("Cancel", onCancel));
  buttons.lastChild.className = "danger";
  const time = make("time");
  const item = make(
    "li",
    {},
    make("p", {}, time),
    make("p", { className: "says" }, bdi(whatItSays(event))),
    make("p", { className: "where" }, "in ", bdi(nameOf(event.room_id))),
    make("p", { className: "why" }, bdi(why(event))),
    buttons,
  );
  item.querySelector(".why").hidden = why(event) === "";
  buttons.hidden = event.finalised !== undefined;
  return item;
}

function showTime(item, event) {
  const when = event.finalised?.finalised_ts ?? dueOf(event);
  const time = item.querySelector("time");
  const distance = shownDistance(when - Date.now());
  // What is delayed for longer than there are dates has a distance alone.
  if (Number.isNaN(new Date(when).getTime())) return setText(time, distance);
  time.dateTime = new Date(when).toISOString();
  setText(time, `${shownDate.format(when)} (${distance})`);
}

export function clearEvents() {
  items.clear();
  byId("events").replaceChildren();
}

export function showEvents(events, onSend, onCancel) {
  const list = byId("events");
  const listed = new Set(events.map((event) => event.delay_id));
  for (const [delayId, item] of items) {
    if (listed.has(delayId)) continue;
    item.remove();
    items.delete(delayId);
  }
  events.forEach((event, place) => {
    let item = items.get(event.delay_id);
    if (!item) {
      item = makeItem(event, onSend, onCancel);
      items.set(event.delay_id, item);
    }
    showTime(item, event);
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
}
