// Signing in, which list is shown, and what its buttons do.

import { get, isSignedIn, post, Refusal, signIn, signOut } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, setText, showCurrent } from "./dom.js";
import { clearEvents, showEvents } from "./events.js";
import { showPlots, showTotals, verdict } from "./figures.js";
import { views } from "./views.js";

const TOTALS_MS = 2_000;
const LIST_MS = 5_000;
const SAID_MS = 6_000;

let shown = null; // { name, view, asked }: which list, of what
let pages = []; // of it; the first one is read again and again while it is the only one
let draining = false;
let saying;

function say(text) {
  setText(byId("said"), text);
  clearTimeout(saying);
  saying = setTimeout(() => setText(byId("said"), ""), SAID_MS);
}

function showVerdict([mood, words]) {
  byId("verdict").className = `verdict ${mood}`;
  setText(byId("verdict"), words);
}

function leave(reason) {
  signOut();
  clearEvents();
  pages = [];
  byId("console").hidden = true;
  byId("sign-out").hidden = true;
  byId("signing-in").hidden = false;
  showVerdict(["", "Not signed in"]);
  setText(byId("sign-in-error"), reason);
  byId("token").focus();
}

/** Whether it is about this whole page, and so has been said. */
function isSaidOnTop(refusal) {
  if (!(refusal instanceof Refusal)) throw refusal;
  if (refusal.status === 401) leave("This is not the operator's token (any more).");
  else if (refusal.status === 0) showVerdict(["bad", refusal.message]);
  else return false;
  return true;
}

// --- Totals ---

async function readTotals() {
  const totals = await get("totals");
  showTotals(totals);
  showVerdict(verdict(totals));
  draining = totals.draining;
  setText(byId("drain"), draining ? "Put it back into service…" : "Take it out of service…");
  setText(
    byId("service"),
    `Afterword ${totals.version}. ` +
      (draining ? "It is out of service: load balancers send clients elsewhere." : "It is in service."),
  );
  if (document.activeElement !== byId("log-level")) byId("log-level").value = totals.log_level;
}

// --- Lists ---

async function ask({ name, view, asked }, from) {
  if (name !== "look_up") return get(view.path, { [view.parameter ?? "limit"]: asked ?? 50, from });
  try {
    return { now_ts: Date.now(), events: [await post("look_up", { delay_id: asked })] };
  } catch (refusal) {
    if (refusal.status !== 404) throw refusal;
    return { now_ts: Date.now(), events: [] };
  }
}

/** Whether there is anything to read: a list, of whom or of what somebody has typed where that is asked. */
const isAsked = ({ name, view, asked }) => name !== "instance" && (!view.ask || Boolean(asked));

function showPages() {
  const events = pages.flatMap((page) => page.events);
  showEvents(events, pages.at(-1).now_ts, confirmCancel);
  byId("nothing").hidden = events.length > 0;
  setText(byId("nothing"), shown.view.nothing);
  byId("more").hidden = pages.at(-1).next_batch === undefined;
  byId("cancel-all").hidden = shown.name !== "user";
  byId("end-call").hidden = shown.name !== "room";
}

async function readList() {
  const asking = shown;
  if (!isAsked(asking)) return;
  try {
    const page = await ask(asking);
    if (asking !== shown) return;
    pages = [page];
    setText(byId("view-error"), "");
    showPages();
  } catch (refusal) {
    if (!isSaidOnTop(refusal) && asking === shown) setText(byId("view-error"), refusal.message);
  }
}

async function readMore() {
  const asking = shown;
  try {
    const page = await ask(asking, pages.at(-1).next_batch);
    if (asking !== shown) return;
    pages.push(page);
    showPages();
  } catch (refusal) {
    if (!isSaidOnTop(refusal)) setText(byId("view-error"), refusal.message);
  }
}

/** As the address says: #late, #user=@alice:example.org. A delay_id is in no address, for addresses are kept. */
function showView() {
  const [given, asked] = location.hash.slice(1).split("=", 2);
  const name = Object.hasOwn(views, given) ? given : "due";
  let decoded;
  try {
    decoded = asked === undefined ? undefined : decodeURIComponent(asked);
  } catch {
    // It is no text.
  }
  choose(name, name === "look_up" ? undefined : decoded);
}

function choose(name, asked) {
  const view = views[name];
  shown = { name, view, asked };
  pages = [];
  clearEvents();
  showCurrent(name);
  setText(byId("view-title"), view.title);
  setText(byId("view-hint"), view.hint);
  setText(byId("view-error"), "");
  byId("search").hidden = !view.ask;
  setText(byId("search-label"), view.ask ?? "");
  byId("search-text").value = asked ?? "";
  for (const id of ["nothing", "more", "cancel-all", "end-call"]) byId(id).hidden = true;
  byId("settings").hidden = name !== "instance";
  return readList();
}

// --- What is changed, once it was confirmed ---

async function change(act, done) {
  try {
    say(done(await act()));
  } catch (refusal) {
    if (!isSaidOnTop(refusal)) say(refusal.message);
  }
  await readTotals().catch(isSaidOnTop);
  if (isSignedIn()) await readList();
}

async function confirmCancel(event) {
  const text = `${event.type} of ${event.user_id} in ${event.room_id}. It will not be sent, and nobody can bring it back.`;
  if (!(await confirmed(`Cancel event ${event.event}?`, [text], "Cancel the event"))) return;
  await change(
    () => post("cancel", { handle: event.handle }),
    () => `Event ${event.event} is cancelled`,
  );
  byId("view").focus();
}

async function confirmCancelAll() {
  const user = shown.asked;
  const text = "None of it will be sent, and nobody can bring it back. What is being sent already goes on.";
  if (!(await confirmed(`Cancel all that ${user} has scheduled?`, [text], "Cancel all"))) return;
  await change(
    () => post("cancel_all", { user_id: user }),
    ({ cancelled }) => `${cancelled} cancelled`,
  );
}

async function confirmEndCall() {
  const room = shown.asked;
  const text = "Everybody leaves the call now. Who is still there may join again. Scheduled messages stay scheduled.";
  if (!(await confirmed(`End the call in ${room}?`, [text], "End the call"))) return;
  await change(
    () => post("end_call", { room_id: room, leaves: "send" }),
    ({ done, failed, more }) =>
      `${done} have left` + (failed ? `, ${failed} could not be sent` : "") + (more ? ". There are more: ask again" : ""),
  );
}

async function confirmDrain() {
  const title = draining ? "Put this instance back into service?" : "Take this instance out of service?";
  const text = draining
    ? "Load balancers that ask /health/ready will send it clients again."
    : "Load balancers that ask /health/ready will send clients elsewhere. What is due is sent nevertheless. If it is the only instance, nobody is left to answer heartbeats.";
  if (!(await confirmed(title, [text], draining ? "Put it back" : "Take it out"))) return;
  const drain = !draining;
  await change(
    () => post("drain", { drain }),
    () => (drain ? "It is out of service" : "It is in service"),
  );
}

// --- Signing in and going on ---

async function enter() {
  try {
    await readTotals();
  } catch (refusal) {
    if (!isSaidOnTop(refusal)) leave(refusal.message);
    else if (refusal.status === 0) leave("Afterword does not answer.");
    return;
  }
  byId("signing-in").hidden = true;
  byId("console").hidden = false;
  byId("sign-out").hidden = false;
  showView();
}

/** Again and again while the page is looked at, one after the other. */
async function repeat(every, act) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, every));
    if (document.hidden || !isSignedIn() || byId("console").hidden) continue;
    await act().catch(isSaidOnTop);
  }
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = byId("token").value.trim();
  byId("token").value = "";
  setText(byId("sign-in-error"), "");
  signIn(token);
  enter();
});
byId("sign-out").addEventListener("click", () => leave(""));
byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("search-text").value.trim();
  if (shown.name === "look_up") choose("look_up", text);
  else if (text === shown.asked) readList();
  else location.hash = `${shown.name}=${encodeURIComponent(text)}`;
});
byId("more").addEventListener("click", readMore);
byId("cancel-all").addEventListener("click", confirmCancelAll);
byId("end-call").addEventListener("click", confirmEndCall);
byId("drain").addEventListener("click", confirmDrain);
byId("log-level").addEventListener("change", () => {
  const level = byId("log-level").value;
  change(
    () => post("log_level", { level }),
    () => `The level of the log is ${level}`,
  );
});
window.addEventListener("hashchange", () => isSignedIn() && showView());

showPlots();
repeat(TOTALS_MS, readTotals);
repeat(LIST_MS, async () => {
  if (pages.length === 1 && !byId("confirm").open) await readList();
});
if (isSignedIn()) enter();
