// The client API of the homeserver, of which Afterword answers what is about delayed events.
//
// The token is in the memory of this page alone. Other pages of the homeserver's address, such as a file that somebody has
// uploaded, could read a cookie or what is stored, so the session ends with the page.

const CLIENT = "/_matrix/client/";
let session = null; // { access_token, user_id }

export const userId = () => session?.user_id;
export const isSignedIn = () => session !== null;

/** What was refused, or that nothing answers (status 0). */
export class Refusal extends Error {
  constructor(status, { errcode, error, retry_after_ms: wait }) {
    const waiting = wait === undefined ? "" : `; try again in ${Math.ceil(wait / 1000)} s`;
    super((error || errcode || `Status ${status}`) + waiting);
    this.status = status;
    this.errcode = errcode;
  }
}

async function ask(method, path, { query = {}, body, keepalive = false } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const headers = {};
  if (session) headers.Authorization = `Bearer ${session.access_token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(CLIENT + path + (given.length === 0 ? "" : `?${new URLSearchParams(given)}`), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      keepalive,
      signal: AbortSignal.timeout(40_000),
    });
  } catch {
    throw new Refusal(0, { error: "The server does not answer" });
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer;
}

/** A path of the client API, each part of it encoded. */
const path = (...parts) => parts.map(encodeURIComponent).join("/");

// --- Signing in ---

export const flows = async () => (await ask("GET", path("v3", "login"))).flows.map(({ type }) => type);

async function signIn(proof) {
  const body = { ...proof, initial_device_display_name: "What you send later" };
  session = await ask("POST", path("v3", "login"), { body });
}

export const signInWithPassword = (user, password) =>
  signIn({ type: "m.login.password", identifier: { type: "m.id.user", user }, password });

export const signInWithToken = (token) => signIn({ type: "m.login.token", token });

/** Where somebody signs in elsewhere and comes back from, with a token in the address. */
export const ssoAddress = (back) => `${CLIENT}v3/login/sso/redirect?${new URLSearchParams({ redirectUrl: back })}`;

/** Ends the session, which was made by this page and is of use to no other. Also while the page is closed. */
export function signOut() {
  if (session) ask("POST", path("v3", "logout"), { body: {}, keepalive: true }).catch(() => {});
  session = null;
}

// --- Rooms ---

export const joinedRooms = async () => (await ask("GET", path("v3", "joined_rooms"))).joined_rooms;

/** Nothing, if there is none. */
async function found(asking) {
  try {
    return await asking;
  } catch (refusal) {
    if (refusal.status === 404 || refusal.status === 403) return undefined;
    throw refusal;
  }
}

export const roomState = (room, type) => found(ask("GET", path("v3", "rooms", room, "state", type)));
export const accountData = (type) => found(ask("GET", path("v3", "user", session.user_id, "account_data", type)));

// --- Delayed events ---

/** The longest delay of a message in milliseconds, or nothing if any is taken. */
export async function maxDelay() {
  const { capabilities } = await ask("GET", path("v3", "capabilities"));
  return capabilities["afterword.delayed_events"]?.max_message_delay_ms;
}

export const list = (status, from) =>
  ask("GET", path("v1", "delayed_events"), { query: { status, dir: status === "scheduled" ? "f" : "b", from } });

export const sendLater = (room, transaction, delay, content) =>
  ask("PUT", path("v3", "rooms", room, "delayed_event", "m.room.message", transaction), {
    body: { delay_ms: delay, content },
  });

/** "cancel" or "send" */
export const manage = (delayId, action) => ask("POST", path("v1", "delayed_events", delayId, action), { body: {} });
