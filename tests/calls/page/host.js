// The Matrix client that Element Call is a widget of: it carries the widget's requests to the homeserver as its user, and
// the room's news to the widget. It gives up on a request and reports its errors as Element Web does.
//
// Who it is for stands in the address, after the "#", as JSON: {homeserver, user_id, device_id, token, room_id, name}.

const me = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const CLIENT = "/_matrix/client";
const DELAYED = `${CLIENT}/unstable/org.matrix.msc4140/delayed_events`;

// What the tests read: whether it is in the call, and all that went wrong.
window.told = { joined: false, hung_up: false, errors: [] };

class MatrixError extends Error {
  constructor(status, headers, url, response) {
    super(`${status} ${JSON.stringify(response)}`);
    this.told = { http_status: status, http_headers: headers, url, response };
  }
}

async function ask(method, path, body, signal) {
  const url = me.homeserver + path;
  const headers = { Authorization: `Bearer ${me.token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal });
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text);
  let response;
  try {
    response = JSON.parse(text);
  } catch {
    response = { errcode: "M_UNKNOWN", error: text };
  }
  throw new MatrixError(answer.status, Object.fromEntries(answer.headers), url, response);
}

let transactions = 0;
const newTransaction = () => `${Date.now()}-${transactions++}`;

function pathOf(type, stateKey, query = {}) {
  const room = `${CLIENT}/v3/rooms/${encodeURIComponent(me.room_id)}`;
  const known = Object.entries(query).filter(([, value]) => value !== undefined);
  const asked = known.length ? `?${new URLSearchParams(known)}` : "";
  if (typeof stateKey === "string") {
    return `${room}/state/${encodeURIComponent(type)}/${encodeURIComponent(stateKey)}${asked}`;
  }
  return `${room}/send/${encodeURIComponent(type)}/${newTransaction()}${asked}`;
}

async function send(type, content, stateKey, query) {
  const answer = await ask("PUT", pathOf(type, stateKey, query), content);
  return "delay_id" in answer
    ? { roomId: me.room_id, delayId: answer.delay_id }
    : { roomId: me.room_id, eventId: answer.event_id };
}

const manage = (delayId, action) => ask("POST", `${DELAYED}/${encodeURIComponent(delayId)}/${action}`, {});

class Driver extends mxwidgets.WidgetDriver {
  validateCapabilities = async (requested) => requested;
  sendEvent = (type, content, stateKey) => send(type, content, stateKey);
  sendStickyEvent = (duration, type, content) =>
    send(type, content, null, { "org.matrix.msc4354.sticky_duration_ms": duration });
  sendDelayedEvent = (delay, type, content, stateKey) => send(type, content, stateKey, { "org.matrix.msc4140.delay": delay });
  sendDelayedStickyEvent = (delay, duration, type, content) =>
    send(type, content, null, { "org.matrix.msc4140.delay": delay, "org.matrix.msc4354.sticky_duration_ms": duration });
  cancelScheduledDelayedEvent = (delayId) => manage(delayId, "cancel");
  restartScheduledDelayedEvent = (delayId) => manage(delayId, "restart");
  sendScheduledDelayedEvent = (delayId) => manage(delayId, "send");
  sendToDevice = (type, encrypted, messages) =>
    ask("PUT", `${CLIENT}/v3/sendToDevice/${encodeURIComponent(type)}/${newTransaction()}`, { messages });
  readRoomState = async (room, type, stateKey) => {
    const state = await ask("GET", `${CLIENT}/v3/rooms/${encodeURIComponent(room)}/state`);
    const wanted = state.filter((event) => event.type === type && (stateKey === undefined || event.state_key === stateKey));
    return wanted.map((event) => ({ room_id: room, ...event }));
  };
  readRoomTimeline = async () => [];
  readRoomAccountData = async () => [];
  readStickyEvents = async () => [...sticky.values()];
  readEventRelations = async () => ({ chunk: [] });
  getRtcTransports = async () => ({ rtc_transports: [] }); // Element Call's own configuration names it
  getKnownRooms = () => [me.room_id];
  processError = (error) => (error instanceof MatrixError ? { matrix_api_error: error.told } : undefined);
  askOpenID = (observer) => {
    ask("POST", `${CLIENT}/v3/user/${encodeURIComponent(me.user_id)}/openid/request_token`, {}).then(
      (token) => observer.update({ state: mxwidgets.OpenIDRequestState.Allowed, token }),
      () => observer.update({ state: mxwidgets.OpenIDRequestState.Blocked }),
    );
  };
}

const sticky = new Map(); // event_id -> event, of those that the room has shown so far

const widgetAddress = new URL("element-call/index.html", location.href);
widgetAddress.hash = `?${new URLSearchParams({
  widgetId: "call",
  parentUrl: location.origin,
  roomId: me.room_id,
  userId: me.user_id,
  deviceId: me.device_id,
  displayName: me.name,
  baseUrl: me.homeserver,
  intent: "join_existing",
  skipLobby: "true",
  perParticipantE2EE: "false",
  lang: "en",
  theme: "dark",
})}`;

const frame = document.createElement("iframe");
frame.allow = "camera; microphone; display-capture; autoplay";
document.body.append(frame);

const widget = new mxwidgets.Widget({
  id: "call",
  creatorUserId: me.user_id,
  type: "m.call",
  url: widgetAddress.href,
  waitForIframeLoad: false,
});
const api = new mxwidgets.ClientWidgetApi(widget, frame, new Driver());
api.setViewedRoomId(me.room_id);

const answered = (action, act) =>
  api.on(`action:${action}`, (event) => {
    event.preventDefault();
    act?.();
    api.transport.reply(event.detail, {});
  });
answered("io.element.join", () => (window.told.joined = true));
answered("im.vector.hangup", () => (window.told.hung_up = true));
answered("io.element.close");
answered("io.element.device_mute");
answered("set_always_on_screen");

// The room's news, from now on. What was there before, the widget asks for.
async function follow() {
  let since;
  const filter = JSON.stringify({ room: { rooms: [me.room_id] }, presence: { types: [] } });
  for (;;) {
    const query = new URLSearchParams({ filter, timeout: since ? 30000 : 0, ...(since && { since }) });
    try {
      const news = await ask("GET", `${CLIENT}/v3/sync?${query}`, undefined, AbortSignal.timeout(60000));
      await hand_on(news, !since);
      since = news.next_batch;
    } catch (error) {
      window.told.errors.push(`sync: ${error}`);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

async function hand_on(news, first) {
  const room = news.rooms?.join?.[me.room_id];
  const stickies = (room?.msc4354_sticky?.events ?? []).map((event) => ({ room_id: me.room_id, ...event }));
  for (const event of stickies) sticky.set(event.event_id, event);
  const told = (handing) => handing.catch((error) => window.told.errors.push(`widget: ${error}`));
  const timeline = (room?.timeline?.events ?? []).map((event) => ({ room_id: me.room_id, ...event }));
  const before = (room?.state?.events ?? []).map((event) => ({ room_id: me.room_id, ...event }));
  for (const event of [...before, ...timeline]) if (event.state_key !== undefined) told(api.feedStateUpdate(event));
  if (first) return; // the rest of the past is none of a call's business
  for (const event of [...timeline, ...stickies]) told(api.feedEvent(event));
  for (const event of news.to_device?.events ?? []) told(api.feedToDevice(event, false));
}

api.once("ready", follow);
frame.src = widgetAddress.href;
