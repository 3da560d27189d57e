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

/** What may be done with it. Only a limit passes by itself, so only what failed for one may be sent again. */
function actionsFor({ finalised }) {
  if (finalised === undefined) return ["send", "cancel"];
  return finalised.error?.errcode === "M_LIMIT_EXCEEDED" ? ["retry"] : [];
}

const WORDS = { send: "Send now", cancel: "Cancel", retry: "Send again" };

/** `does`: what each action does with an event. */
function makeItem(event, does) {
  const words = `${whatItSays(event)}, in ${nameOf(event.room_id)}`;
  const button = (action) => {
    const made = make("button", { type: "button", className: action === "cancel" ? "danger" : "" }, WORDS[action]);
    made.setAttribute("aria-label", `${WORDS[action]}: ${words}`);
    made.addEventListener("click", () => does[action](event));
    return made;
  };
  const buttons = make("div", { className: "buttons" }, ...actionsFor(event).map(button));
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
  buttons.hidden = buttons.children.length === 0;
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

export function showEvents(events, does) {
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
      item = makeItem(event, does);
      items.set(event.delay_id, item);
    }
    showTime(item, event);
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
}
