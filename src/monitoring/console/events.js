// The table of events. A row stays the same element as long as its event is listed, so that what has the focus keeps it.

import { bdi, byId, make, setText, shownDistance, shownDuration, shownTime } from "./dom.js";

const COLUMNS = ["When", "State", "User", "Room", "Type", "What the homeserver said", "Name in the log", ""];
const rows = new Map();

const words = {
  scheduled: "scheduled",
  sending: "being sent",
  sent: "sent",
  failed: "failed",
  cancelled: "cancelled",
};

function answerText({ status, errcode, error }) {
  return [status, errcode, error].filter((part) => part !== undefined && part !== "").join(" ");
}

/** What the homeserver said last, or why it said nothing. */
function said(event) {
  const parts = [event.failure, event.answer].filter(Boolean).map(answerText);
  if (event.reason) parts.push(event.reason);
  return parts.join(" · ");
}

function showTime(cell, event, now) {
  const when = event.finalised_ts ?? event.due_ts;
  const [time, detail] = cell.children;
  time.dateTime = new Date(when).toISOString();
  time.title = shownTime(when);
  const late = !event.finalised_ts && when < now;
  setText(time, late ? `due ${shownDistance(when - now)}` : shownDistance(when - now));
  setText(detail, event.finalised_ts ? "" : `delay ${shownDuration(event.delay_ms / 1000)}`);
}

function makeRow(event, onCancel) {
  const cancel = make("button", { type: "button", className: "danger" }, "Cancel");
  cancel.setAttribute("aria-label", `Cancel event ${event.event}`);
  const row = make(
    "tr",
    {},
    make("td", {}, make("div", {}, make("time"), make("span", { className: "quiet" }))),
    make("td", {}, make("span")),
    make("td", {}, make("a", { href: `#user=${encodeURIComponent(event.user_id)}` }, bdi(event.user_id))),
    make("td", {}, make("a", { href: `#room=${encodeURIComponent(event.room_id)}` }, bdi(event.room_id))),
    make("td", {}, bdi(event.type)),
    make("td", { className: "words" }),
    make("td", {}, make("code", {}, event.event)),
    make("td", {}, cancel),
  );
  [...row.cells].forEach((cell, i) => (cell.dataset.label = COLUMNS[i]));
  cancel.addEventListener("click", () => onCancel(event));
  return row;
}

function update(row, event, now) {
  const [when, state, , , , words_said, , action] = row.cells;
  showTime(when.firstChild, event, now);
  state.firstChild.className = `state-${event.state}`;
  setText(state.firstChild, words[event.state] ?? event.state);
  const text = said(event);
  if (words_said.textContent !== text) words_said.replaceChildren(...(text === "" ? [] : [bdi(text)]));
  action.firstChild.hidden = event.state !== "scheduled" && event.state !== "sending";
}

export function clearEvents() {
  rows.clear();
  byId("events").tBodies[0].replaceChildren();
  byId("events").hidden = true;
}

/** `now`: of the server, whose clock the times are of. */
export function showEvents(events, now, onCancel) {
  const body = byId("events").tBodies[0];
  const listed = new Set(events.map((event) => event.handle));
  for (const [handle, row] of rows) {
    if (listed.has(handle)) continue;
    row.remove();
    rows.delete(handle);
  }
  events.forEach((event, place) => {
    let row = rows.get(event.handle);
    if (!row) {
      row = makeRow(event, onCancel);
      rows.set(event.handle, row);
    }
    update(row, event, now);
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  byId("events").classList.toggle("has-words", events.some((event) => said(event) !== ""));
  byId("events").hidden = events.length === 0;
}
