// Signing in, which list is shown, and what the buttons do.

import * as api from "./api.js";
import { confirmed } from "./confirm.js";
import { bdi, byId, make, setText, showCurrent, shownDuration } from "./dom.js";
import { clearEvents, showEvents, whatItSays } from "./events.js";
import { forgetRooms, isEncrypted, nameOf, readRooms } from "./rooms.js";

const LIST_MS = 5_000;
const SAID_MS = 6_000;
const FIRST_OFFER_MS = 3_600_000;

const views = {
  scheduled: ["Scheduled", "What is sent next stands first. What a client keeps putting off, as in a call, is here too.", "Nothing is scheduled."],
  sent: ["Sent", "The latest stand first.", "Nothing was sent, as far back as it is kept."],
  failed: ["Failed", "The homeserver refused them, in the words that are shown.", "Nothing has failed, as far back as it is kept."],
  cancelled: ["Cancelled", "They were never sent.", "Nothing was cancelled, as far back as it is kept."],
};

let session = null; // of whoever is signed in; what they begin is given it, and goes on in no other
let shown = null; // the name of a view and whose it is, as an object of its own each time
let pages = []; // of it; the first one is read again and again while it is the only one
let longest; // delay, in milliseconds
let transactions = 0;
let tried = null; // what was to be sent later, and its transaction, until it is known that it is scheduled
let scheduling = false;
let broughtToken = null;
let saying;

/** Text and elements. */
function say(...parts) {
  byId("said").replaceChildren(...parts);
  clearTimeout(saying);
  saying = setTimeout(() => byId("said").replaceChildren(), SAID_MS);
}

function endSession() {
  const ended = session;
  session = null;
  ended?.end().catch((refusal) => {
    if (refusal.status === 401) return; // it had ended before
    const text = `The session that was signed out may still be among the devices of its user: ${refusal.message}`;
    if (session === null) setText(byId("sign-in-error"), text);
    else say(text);
  });
}

/** Nothing of whoever was signed in stays on the page. */
function leave(reason) {
  endSession();
  clearEvents();
  forgetRooms();
  shown = null;
  pages = [];
  longest = undefined;
  tried = null;
  dropBroughtToken();
  if (byId("confirm").open) byId("confirm").close("no");
  byId("sign-in").reset();
  byId("later").reset();
  byId("later").ariaBusy = null;
  byId("room").replaceChildren();
  clearTimeout(saying);
  for (const id of ["said", "later-error", "when-hint", "confirm-title", "confirm-text", "confirm-yes"]) setText(byId(id), "");
  showTitles(undefined, "", "", "");
  byId("own").hidden = true;
  byId("sign-out").hidden = true;
  byId("signing-in").hidden = false;
  setText(byId("who"), "Not signed in");
  setText(byId("sign-in-error"), reason);
}

/** Says it where it belongs, unless the session has ended. */
function tell(refusal, where) {
  if (refusal instanceof api.Ended) return;
  if (!(refusal instanceof api.Refusal)) throw refusal;
  if (refusal.status === 401 && session !== null) leave("You are not signed in any more.");
  else setText(byId(where), refusal.message);
}

// --- Signing in ---

async function enter(signingIn) {
  setText(byId("sign-in-error"), "");
  let entered;
  try {
    entered = await signingIn;
    if (session !== null) leave(""); // it was pressed twice
    session = entered;
    dropBroughtToken();
    setText(byId("who"), `Signed in as ${entered.userId}`);
    byId("signing-in").hidden = true;
    byId("own").hidden = false;
    byId("sign-out").hidden = false;
    byId("later").ariaBusy = "true";
    showView();
    await Promise.all([offerRooms(entered), offerTimes(entered)]);
  } catch (refusal) {
    tell(refusal, entered ? "later-error" : "sign-in-error");
  }
  if (session !== null && session === entered) byId("later").ariaBusy = "false";
}

async function offerSignIn() {
  try {
    const flows = await api.flows();
    byId("by-sso").hidden = !flows.includes("m.login.sso");
    byId("by-password").hidden = !flows.includes("m.login.password") && !byId("by-sso").hidden;
  } catch (refusal) {
    tell(refusal, "sign-in-error");
  }
}

function dropBroughtToken() {
  broughtToken = null;
  byId("brought").hidden = true;
}

/** What somebody comes back with from signing in elsewhere, or is given by a client, is good once, and for a short time. */
function takeBroughtToken() {
  const from = (text) => new URLSearchParams(text).get("loginToken");
  const token = from(location.search) ?? from(location.hash.slice(1));
  if (token === null) return;
  history.replaceState(null, "", location.pathname);
  if (session !== null) return say("You are signed in already. To sign in as somebody else, sign out and come again.");
  broughtToken = token;
  byId("brought").hidden = false;
}

// --- Sending later ---

async function offerRooms(session) {
  const rooms = await readRooms(session);
  const options = rooms.map((room) => make("option", { value: room }, nameOf(room)));
  byId("room").replaceChildren(...options);
  clearEvents(); // which say the ids of rooms so far
  showPages();
}

/** As its input has it: local time, to the minute. */
function localTime(milliseconds) {
  const date = new Date(milliseconds);
  return new Date(milliseconds - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

async function offerTimes(session) {
  longest = await session.maxDelay();
  byId("when").value = localTime(Date.now() + Math.min(FIRST_OFFER_MS, longest ?? FIRST_OFFER_MS));
  const limit = longest === undefined ? "" : ` It can be up to ${shownDuration(longest / 1000)} from now.`;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  setText(byId("when-hint"), `In the time of this device, ${zone}.${limit} You can be offline then.`);
}

/** Pressed twice, or again because the server did not answer, it is one event. */
async function sendLaterOnce(session) {
  if (scheduling) return;
  scheduling = true;
  byId("schedule").ariaDisabled = "true"; // it keeps the focus
  try {
    await sendLater(session);
  } finally {
    scheduling = false;
    byId("schedule").ariaDisabled = null;
  }
}

function transactionOf(...what) {
  const words = JSON.stringify(what);
  if (tried?.words === words) return tried.transaction;
  transactions += 1;
  tried = { words, transaction: `page-${Date.now()}-${transactions}` };
  return tried.transaction;
}

async function sendLater(session) {
  const room = byId("room").value;
  const body = byId("message").value.trim();
  const delay = new Date(byId("when").value).getTime() - Date.now();
  setText(byId("later-error"), "");
  if (body === "") return setText(byId("later-error"), "There is no message.");
  if (!(delay > 0)) return setText(byId("later-error"), "This time has passed.");
  if (longest !== undefined && delay > longest) {
    return setText(byId("later-error"), `This server takes up to ${shownDuration(longest / 1000)} from now.`);
  }
  try {
    if (await isEncrypted(session, room)) {
      const text = "This room is encrypted. From here the message would be readable to the servers, so it is not sent.";
      return setText(byId("later-error"), text);
    }
    const transaction = transactionOf(room, body, byId("when").value);
    await session.sendLater(room, transaction, delay, { msgtype: "m.text", body });
    tried = null;
  } catch (refusal) {
    return tell(refusal, "later-error");
  }
  byId("message").value = "";
  say("It will be sent to ", bdi(nameOf(room)));
  if (location.hash === "#scheduled" || location.hash === "") await readList();
  else location.hash = "scheduled";
}

// --- Lists ---

function showPages() {
  const events = pages.flatMap((page) => page.delayed_events);
  const { session } = shown;
  showEvents(events, {
    send: (event) => confirmSend(session, event),
    cancel: (event) => confirmCancel(session, event),
    retry: (event) => confirmRetry(session, event),
  });
  byId("nothing").hidden = pages.length === 0 || events.length > 0;
  byId("more").hidden = pages.at(-1)?.next_batch === undefined;
}

async function read(asking, from) {
  try {
    const page = await asking.session.list(asking.name, from);
    if (asking !== shown) return;
    pages = from === undefined ? [page] : [...pages, page];
    setText(byId("view-error"), "");
    showPages();
  } catch (refusal) {
    if (asking === shown) tell(refusal, "view-error");
  }
}

const readList = () => read(shown);

function showTitles(name, title, hint, nothing) {
  showCurrent(name);
  setText(byId("view-title"), title);
  setText(byId("view-hint"), hint);
  setText(byId("nothing"), nothing);
  setText(byId("view-error"), "");
  byId("nothing").hidden = true;
  byId("more").hidden = true;
}

/** As the address says: #sent */
function showView() {
  const given = location.hash.slice(1);
  const name = Object.hasOwn(views, given) ? given : "scheduled";
  const [title, hint, nothing] = views[name];
  shown = { name, session };
  pages = [];
  clearEvents();
  showTitles(name, title, hint, nothing);
  return readList();
}

// --- What is changed, once it was confirmed ---

async function change(session, event, action, done) {
  try {
    await session.manage(event.delay_id, action);
    say(done);
  } catch (refusal) {
    tell(refusal, "said");
  }
  if (session.hasEnded) return;
  await readList();
  byId("view").focus();
}

const about = (event, then) => ["“", bdi(whatItSays(event)), "” in ", bdi(nameOf(event.room_id)), `. ${then}`];

async function confirmCancel(session, event) {
  if (!(await confirmed("Cancel it?", about(event, "It will not be sent."), "Cancel it"))) return;
  await change(session, event, "cancel", "It is cancelled");
}

async function confirmSend(session, event) {
  if (!(await confirmed("Send it now?", about(event, "It will be sent at once."), "Send it now"))) return;
  await change(session, event, "send", "It is sent");
}

async function confirmRetry(session, event) {
  if (!(await confirmed("Send it again?", about(event, "It is scheduled anew, and sent at once."), "Send it again"))) return;
  await change(session, event, "afterword.retry", "It is scheduled again");
}

// --- Going on ---

async function repeat() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LIST_MS));
    if (document.hidden || session === null || pages.length !== 1 || byId("confirm").open) continue;
    await readList();
  }
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const password = byId("password").value;
  byId("password").value = "";
  enter(api.signInWithPassword(byId("user").value.trim(), password));
});
byId("go-on").addEventListener("click", () => {
  const token = broughtToken;
  dropBroughtToken();
  enter(api.signInWithToken(token));
});
byId("sign-out").addEventListener("click", () => {
  leave("");
  byId("user").focus();
});
byId("later").addEventListener("submit", (event) => {
  event.preventDefault();
  sendLaterOnce(session);
});
byId("more").addEventListener("click", () => read(shown, pages.at(-1).next_batch));
window.addEventListener("hashchange", () => {
  takeBroughtToken();
  if (session !== null) showView();
});
// The session is of use to nobody once its page is gone.
window.addEventListener("pagehide", () => leave(""));

byId("sso").href = api.ssoAddress(location.origin + location.pathname);
takeBroughtToken();
offerSignIn();
repeat();
