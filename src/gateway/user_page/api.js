// The client API of the homeserver, of which Afterword answers what is about delayed events.
//
// The token is in the memory of this page alone. Other pages of the homeserver's address, such as a file that somebody has
// uploaded, could read a cookie or what is stored, so the session ends with the page.

const CLIENT = "/_matrix/client/";
const TIMEOUT_MS = 40_000;

/** What was refused, or was answered in no way that can be understood, or that nothing answers (status 0). */
export class Refusal extends Error {
  constructor(status, answer) {
    const { errcode, error, retry_after_ms: wait } = answer ?? {};
    const said = [error, errcode].find((words) => typeof words === "string" && words !== "") ?? `Status ${status}`;
    super(said + (Number.isFinite(wait) ? `; try again in ${Math.ceil(wait / 1000)} s` : ""));
    this.status = status;
    this.errcode = errcode;
  }
}

/** That the session of what was under way has ended. Nobody is told: whoever looks at the page now may be somebody else. */
export class Ended extends Error {}

// --- What is answered, which may be of something else than a homeserver ---

function strange() {
  throw new Refusal(200, { error: "The server gives an answer that cannot be understood" });
}

const text = (value) => (typeof value === "string" ? value : strange());
const number = (value) => (Number.isFinite(value) ? value : strange());
const object = (value) => (typeof value === "object" && value !== null ? value : strange());
const list = (value, each) => (Array.isArray(value) ? value.map(each) : strange());
const optional = (value, kind) => (value === undefined ? undefined : kind(value));

/** An event, of which the page needs these. */
function delayedEvent(event) {
  const { delay_id: id, room_id: room, type, content, delay_ms: delay, delayed_since_ts: since, finalised } = object(event);
  [id, room, type].forEach(text);
  [delay, since].forEach(number);
  object(content);
  optional(optional(finalised, object)?.finalised_ts, number);
  return event;
}

async function ask(method, path, { token, ended, query = {}, body, keepalive = false } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const headers = {};
  if (token !== undefined) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const late = AbortSignal.timeout(TIMEOUT_MS);
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
      signal: ended ? AbortSignal.any([ended, late]) : late,
    });
  } catch {
    throw new Refusal(0, { error: "The server does not answer" });
  }
  const answer = await response.json().catch(() => undefined);
  if (!response.ok) throw new Refusal(response.status, answer);
  return object(answer);
}

/** A path of the client API, each part of it encoded. */
const path = (...parts) => parts.map(encodeURIComponent).join("/");

/** Nothing, if the homeserver itself says that there is none: a proxy can answer 403 and 404 too. */
async function found(asking) {
  try {
    return await asking;
  } catch (refusal) {
    if (refusal.status === 404 && refusal.errcode === "M_NOT_FOUND") return undefined;
    throw refusal;
  }
}

/** Of one person. What was begun in it is asked in it or not at all, whoever is signed in by then. */
class Session {
  #token;
  #ending = new AbortController();

  constructor({ access_token: token, user_id: userId }) {
    this.#token = text(token);
    this.userId = text(userId);
  }

  get hasEnded() {
    return this.#ending.signal.aborted;
  }

  /** It was made by this page and is of use to no other. The homeserver is told also while the page is closed. */
  end() {
    this.#ending.abort(new Ended());
    return ask("POST", path("v3", "logout"), { token: this.#token, body: {}, keepalive: true });
  }

  async #ask(method, path, more) {
    const ended = this.#ending.signal;
    ended.throwIfAborted();
    try {
      return await ask(method, path, { ...more, token: this.#token, ended });
    } finally {
      ended.throwIfAborted();
    }
  }

  // --- Rooms ---

  async joinedRooms() {
    return list((await this.#ask("GET", path("v3", "joined_rooms"))).joined_rooms, text);
  }

  roomState(room, type) {
    return found(this.#ask("GET", path("v3", "rooms", room, "state", type)));
  }

  accountData(type) {
    return found(this.#ask("GET", path("v3", "user", this.userId, "account_data", type)));
  }

  // --- Delayed events ---

  /** The longest delay of a message in milliseconds, or nothing if any is taken. */
  async maxDelay() {
    const { capabilities } = await this.#ask("GET", path("v3", "capabilities"));
    return optional(object(capabilities)["afterword.delayed_events"]?.max_message_delay_ms, number);
  }

  async list(status, from) {
    const query = { status, dir: status === "scheduled" ? "f" : "b", from };
    const page = await this.#ask("GET", path("v1", "delayed_events"), { query });
    list(page.delayed_events, delayedEvent);
    optional(page.next_batch, text);
    return page;
  }

  sendLater(room, transaction, delay, content) {
    return this.#ask("PUT", path("v3", "rooms", room, "delayed_event", "m.room.message", transaction), {
      body: { delay_ms: delay, content },
    });
  }

  /** "cancel", "send" or "afterword.retry" */
  manage(delayId, action) {
    return this.#ask("POST", path("v1", "delayed_events", delayId, action), { body: {} });
  }
}

// --- Signing in ---

export const flows = async () => list((await ask("GET", path("v3", "login"))).flows, (flow) => text(object(flow).type));

async function signIn(proof) {
  const body = { ...proof, initial_device_display_name: "What you send later" };
  return new Session(await ask("POST", path("v3", "login"), { body }));
}

export const signInWithPassword = (user, password) =>
  signIn({ type: "m.login.password", identifier: { type: "m.id.user", user }, password });

export const signInWithToken = (token) => signIn({ type: "m.login.token", token });

/** Where somebody signs in elsewhere and comes back from, with a token in the address. */
export const ssoAddress = (back) => `${CLIENT}v3/login/sso/redirect?${new URLSearchParams({ redirectUrl: back })}`;
