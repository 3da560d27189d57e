// A session of two users of matrix-js-sdk, Alice and Bob, written down as ../sessions.py explains.
//
// Usage: session.mjs BASE_URL WORD FOLDER; the users are alice-WORD and bob-WORD.

import { get } from "node:http";

import { ClientEvent, MemoryStore, SyncState, createClient } from "matrix-js-sdk";

const PUBLIC_NAME = "matrix.home.test";
const PASSWORD = "correct horse battery";
const LONGEST_TEXT = 100_000;
const TEXT = "m.room.message";

for (const level of ["trace", "debug", "log", "info", "warn", "error"]) {
  console[level] = (...words) => process.stderr.write(words.map(String).join(" ") + "\n");
}

const [baseUrl, word] = process.argv.slice(2);
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const sayAnswer = (asked, status, headers, text) =>
  say({ asked, status, headers, text: text.length < LONGEST_TEXT ? text : `${text.length} bytes` });

let waits = false;
async function recordingFetch(url, options) {
  const answer = await fetch(url, { redirect: "manual", ...options });
  if (!waits) {
    const { pathname, search } = new URL(url);
    sayAnswer(`${options?.method ?? "GET"} ${pathname}${search}`, answer.status, [...answer.headers], await answer.clone().text());
  }
  return answer;
}

const newClient = (who = {}, more = {}) => createClient({ baseUrl, fetchFn: recordingFetch, ...who, ...more });

// The same session, of which nothing is written down: what is asked side by side comes in any order.
const aside = (client, more) =>
  newClient(
    { userId: client.getUserId(), accessToken: client.getAccessToken(), deviceId: client.getDeviceId() },
    { fetchFn: fetch, ...more },
  );

async function register(name) {
  const request = { username: name, password: PASSWORD, initial_device_display_name: "a phone" };
  const asked = await newClient().registerRequest(request).catch((error) => error.data);
  const auth = { type: "m.login.dummy", session: asked.session };
  const { user_id: userId, access_token: accessToken, device_id: deviceId } = await newClient().registerRequest({ ...request, auth });
  return newClient({ userId, accessToken, deviceId }, { store: new MemoryStore() });
}

const refused = (promise) => promise.then(() => say({ step: "was not refused" }), () => undefined);

async function eventually(look) {
  for (let tries = 0; tries < 600; ++tries) {
    const seen = await look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it never came: ${look}`);
}

async function waitingFor(look) {
  waits = true;
  const seen = await eventually(look);
  waits = false;
  return seen;
}

const ask = (client, method, path, query, body, prefix = "/_matrix/client/v3") =>
  client.http.authedRequest(method, path, query, body, { prefix });

// The whole of what can be synced, once the room shows that event.
async function syncOnce(client, room, eventId) {
  const filter = JSON.stringify({ presence: { types: [] } });
  const sync = () => ask(client, "GET", "/sync", { timeout: 0, filter });
  await waitingFor(async () => {
    const answer = await sync();
    return answer.rooms?.join?.[room]?.timeline.events.some((event) => event.event_id === eventId);
  });
  return sync();
}

function redirectOfLogIn(client, idp) {
  const url = client.getSsoLoginUrl("https://app.invalid/?a=b&c=d%25", "sso", idp);
  return new Promise((resolve, reject) => {
    get(url, { headers: { Host: PUBLIC_NAME } }, (answer) => {
      let text = "";
      answer.on("data", (data) => (text += data));
      answer.on("end", () => {
        const headers = [];
        for (let i = 0; i < answer.rawHeaders.length; i += 2) headers.push(answer.rawHeaders.slice(i, i + 2));
        sayAnswer(`GET ${url}`, answer.statusCode, headers, text);
        resolve();
      });
    }).on("error", reject);
  });
}

async function beforeLogIn() {
  const client = newClient();
  await client.getVersions();
  await client.loginFlows();
  await client.isUsernameAvailable(`alice-${word}`).catch(() => undefined);
  await redirectOfLogIn(client);
  await redirectOfLogIn(client, "cas");
}

async function rooms(alice, bob) {
  const { room_id: room } = await alice.createRoom({
    name: `Room ${word}`,
    room_alias_name: `rôom-${word}`,
    preset: "public_chat",
    visibility: "public",
    invite: [bob.getUserId()],
  });
  const alias = `#rôom-${word}:home.test`;
  await bob.getRoomIdForAlias(alias);
  await ask(bob, "POST", `/join/${encodeURIComponent(alias)}`, { via: ["home.test", "b.test"] }, {});
  const { event_id: first } = await alice.sendEvent(room, TEXT, { msgtype: "m.text", body: `first ${word}` }, "a/ä");
  const { event_id: again } = await alice.sendEvent(room, TEXT, { msgtype: "m.text", body: `first ${word}` }, "a/ä");
  say({ step: "the same transaction", saw: first === again });
  const relation = { "m.relates_to": { rel_type: "m.annotation", event_id: first, key: "👍" } };
  const { event_id: reaction } = await bob.sendEvent(room, "m.reaction", relation);
  for (const key of ["", "a/b c", "100%", "ä?#;+"]) {
    await alice.sendStateEvent(room, "org.example.state", { key }, key);
    await alice.getStateEvent(room, "org.example.state", key);
  }
  await refused(bob.sendStateEvent(room, "m.room.topic", { topic: "not allowed" }, ""));
  await bob.redactEvent(room, reaction, undefined, { reason: "no more" });
  const { event_id: last } = await alice.sendTextMessage(room, "last");
  await syncOnce(bob, room, last);
  await syncOnce(alice, room, last);

  await bob.fetchRoomEvent(room, reaction);
  await refused(bob.fetchRoomEvent(room, "$unknown"));
  const page = await bob.createMessagesRequest(room, null, 5, "b");
  await bob.createMessagesRequest(room, page.end, 50, "b");
  await bob.fetchRelations(room, first, null, null);
  await bob.members(room);
  await alice.roomState(room);
  await bob.sendTyping(room, true, 1000);
  await bob.setRoomReadMarkersHttpRequest(room, first, first);
  await bob.search({ body: { search_categories: { room_events: { search_term: word, order_by: "recent" } } } }).catch(() => undefined);
  await bob.publicRooms({ filter: { generic_search_term: word } });
  await alice.kick(room, bob.getUserId(), "a while");
  await ask(bob, "POST", `/join/${encodeURIComponent(room)}`, {}, {});
  return room;
}

async function whatIsTheirs(alice, bob, room) {
  await alice.setDisplayName("Alice ☃");
  await bob.getProfileInfo(alice.getUserId());
  await alice.setAccountDataRaw("org.example.mine", { a: [1, null, 2.5, "é"] });
  await alice.getAccountDataFromServer("org.example.mine");
  await alice.setRoomAccountData(room, "org.example.mine", { b: 1 });
  await alice.setRoomTag(room, "m.favourite", { order: 0.5 });
  await alice.getRoomTags(room);
  await alice.createFilter({ room: { timeline: { limit: 3 } } });
  await alice.getPushRules();
  await alice.getDevices();
  await alice.setDeviceDetails(alice.getDeviceId(), { display_name: "a telephone" });
}

async function media(alice, bob) {
  const picture = new Uint8Array(1_000_000).map((_, at) => at % 251);
  const { content_uri: uri } = await alice.uploadContent(new Blob([picture]), { name: "ä b.raw", type: "image/x-raw" });
  const url = bob.mxcUrlToHttp(uri, undefined, undefined, undefined, false, true, true);
  for (const range of [undefined, "bytes=0-0", "bytes=1000-70000", "bytes=-10", "bytes=9999999-"]) {
    const headers = { Authorization: `Bearer ${bob.getAccessToken()}`, ...(range ? { Range: range } : {}) };
    const answer = await recordingFetch(url, { headers });
    if (!range) say({ step: "a download", saw: Buffer.compare(Buffer.from(await answer.arrayBuffer()), Buffer.from(picture)) });
  }
  await bob.getMediaConfig(true);
}

async function toDevice(alice, bob) {
  const messages = new Map([[bob.getUserId(), new Map([[bob.getDeviceId(), { hello: "Bob" }]])]]);
  await alice.sendToDevice("org.example.hello", messages, "one");
  const seen = await waitingFor(async () => (await ask(bob, "GET", "/sync", { timeout: 0 })).to_device?.events?.[0]);
  say({ step: "to a device", saw: seen });
}

async function slidingSync(alice, bob, room) {
  const window = {
    lists: { all: { ranges: [[0, 9]], required_state: [["*", "*"]], timeline_limit: 5 } },
    extensions: { account_data: { enabled: true }, receipts: { enabled: true } },
    timeout: 0,
  };
  const before = await bob.slidingSync(window).catch(() => undefined);
  if (!before) return; // Dendrite has none
  const polled = bob.slidingSync({ ...window, pos: before.pos, timeout: 20_000 });
  await aside(alice).sendTextMessage(room, "later");
  const { rooms } = await polled;
  say({ step: "a long poll", saw: rooms[room].timeline.map((event) => event.content.body) });
}

// Whole clients, whose crypto asks in the background. What they can do in the end is what is compared.
async function inSecret(alice, bob) {
  let secretKey;
  const remembering = (client) =>
    aside(client, {
      cryptoCallbacks: {
        getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], secretKey],
        cacheSecretStorageKey: () => undefined,
      },
    });
  const start = async (client) => {
    await client.initRustCrypto({ useIndexedDB: false });
    const ready = new Promise((resolve) => client.on(ClientEvent.Sync, (state) => state === SyncState.Prepared && resolve()));
    await client.startClient({ initialSyncLimit: 5 });
    await ready;
    return client;
  };
  alice = await start(remembering(alice));
  bob = await start(remembering(bob));
  const auth = (make) => make({ type: "m.login.password", identifier: { type: "m.id.user", user: bob.getUserId() }, password: PASSWORD });
  await bob.getCrypto().bootstrapCrossSigning({ authUploadDeviceSigningKeys: auth });
  await bob.getCrypto().bootstrapSecretStorage({
    setupNewKeyBackup: true,
    createSecretStorageKey: async () => {
      const made = await bob.getCrypto().createRecoveryKeyFromPassphrase();
      secretKey = made.privateKey;
      return made;
    },
  });
  await bob.getCrypto().checkKeyBackupAndEnable();

  const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
  const { room_id: room } = await alice.createRoom({ invite: [bob.getUserId()], initial_state: [encryption] });
  await eventually(() => bob.getRoom(room));
  await bob.joinRoom(room);
  await eventually(() => alice.getRoom(room)?.getMember(bob.getUserId())?.membership === "join");
  await alice.sendTextMessage(room, "a secret");
  const read = (client) =>
    client.getRoom(room)?.getLiveTimeline().getEvents().find((event) => event.getContent().body === "a secret" && event.isEncrypted());
  await eventually(() => read(bob));
  say({ step: "a secret", saw: "was read" });

  // Another device of his reads it by the backup.
  await eventually(async () => (await ask(bob, "GET", "/room_keys/version")).count > 0);
  const identifier = { type: "m.id.user", user: bob.getUserId() };
  const again = await newClient().loginRequest({ type: "m.login.password", identifier, password: PASSWORD });
  const laptop = remembering(newClient({ userId: again.user_id, accessToken: again.access_token, deviceId: again.device_id }));
  await start(laptop);
  await laptop.getCrypto().loadSessionBackupPrivateKeyFromSecretStorage();
  const { total, imported } = await laptop.getCrypto().restoreKeyBackup();
  await eventually(() => read(laptop));
  say({ step: "from the backup", saw: { total, imported } });
  for (const client of [alice, bob, laptop]) client.stopClient();
}

await beforeLogIn();
const alice = await register(`alice-${word}`);
const bob = await register(`bob-${word}`);
const identifier = { type: "m.id.user", user: `bob-${word}` };
await refused(newClient().loginRequest({ type: "m.login.password", identifier, password: "wrong" }));
const login = await newClient().loginRequest({ type: "m.login.password", identifier, password: PASSWORD });
const other = newClient({ userId: login.user_id, accessToken: login.access_token, deviceId: login.device_id });
await other.fetchCapabilities();

const room = await rooms(alice, bob);
await whatIsTheirs(alice, bob, room);
await media(alice, bob);
await toDevice(alice, bob);
await slidingSync(alice, bob, room);
await inSecret(alice, bob);

await bob.leave(room);
await bob.forget(room, false);
await other.logout(true);
await refused(other.whoami());
await ask(alice, "POST", "/logout/all", {}, {});
await refused(alice.whoami());
process.exit();
