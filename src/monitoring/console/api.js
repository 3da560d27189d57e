// The operator's API (docs/openapi.yaml). The token is sent in a header, and kept for this tab alone.

const KEY = "afterword.token";
let token = sessionStorage.getItem(KEY);

export const isSignedIn = () => token !== null;

export function signIn(given) {
  token = given;
  sessionStorage.setItem(KEY, given);
}

export function signOut() {
  token = null;
  sessionStorage.removeItem(KEY);
}

/** What the server refused, or that it did not answer (status 0). */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}` },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(40_000),
    });
  } catch {
    throw new Refusal(0, "Afterword does not answer");
  }
  const text = await response.text().catch(() => "");
  let answer = {};
  try {
    answer = JSON.parse(text);
  } catch {
    // It is not Afterword's own.
  }
  if (!response.ok) throw new Refusal(response.status, answer.error ?? `Status ${response.status}`);
  return answer;
}

const query = (parameters) => {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
};

export const get = (path, parameters = {}) => ask("GET", path + query(parameters));
export const post = (path, body) => ask("POST", path, body);
