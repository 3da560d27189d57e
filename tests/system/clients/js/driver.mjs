// One client: matrix-js-sdk, told what to do over stdin and answering on stdout, a line of JSON each.
//
//   → {"do": "client", "with": ["_unstable_getDelayedEvents"]}       a method of MatrixClient
//   → {"do": "watch" | "join" | "leave", "with": [...]}              the MatrixRTC session of a room
//   ← {"result": …} or {"error": {…}}                                the answer to that
//   ← {"notice": "members", "value": [user IDs]}                     what the session says in between
//
// It ends when stdin does, so it never outlives the one who started it.

import { createInterface } from "node:readline";

import { ClientEvent, MatrixError, SyncState, createClient } from "matrix-js-sdk";
import { MatrixRTCSessionEvent, MembershipManagerEvent } from "matrix-js-sdk/lib/matrixrtc/index.js";

for (const level of ["trace", "debug", "log", "info", "warn", "error"]) {
  console[level] = (...words) => process.stderr.write(words.map(String).join(" ") + "\n");
}

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const [baseUrl, userId, accessToken, deviceId] = process.argv.slice(2);
const client = createClient({ baseUrl, userId, accessToken, deviceId });
let session;

const actions = {
  client: (method, ...parameters) => client[method](...parameters),

  async watch(roomId) {
    const synced = new Promise((resolve) =>
      client.on(ClientEvent.Sync, (state) => state === SyncState.Prepared && resolve()),
    );
    await client.startClient({ initialSyncLimit: 10 });
    await synced;
    session = client.matrixRTC.getRoomSession(client.getRoom(roomId));
    session.on(MatrixRTCSessionEvent.MembershipsChanged, (_, members) =>
      say({ notice: "members", value: members.map((member) => member.userId) }),
    );
    session.on(MatrixRTCSessionEvent.MembershipManagerError, (error) => say({ notice: "error", value: String(error) }));
    session.on(MembershipManagerEvent.ProbablyLeft, (value) => say({ notice: "probably left", value }));
    session.on(MembershipManagerEvent.DelayIdChanged, (value) => say({ notice: "delay_id", value: value ?? null }));
    await session.initialMembershipCalculated;
    return session.memberships.map((member) => member.userId);
  },

  join(settings) {
    const transport = { type: "livekit", livekit_service_url: "https://livekit.invalid" };
    const me = { userId, deviceId, memberId: `${userId}:${deviceId}` };
    session.joinRTCSession(me, [], transport, settings);
  },

  leave: () => session.leaveRoomSession(10_000),
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  try {
    say({ result: (await actions[request.do](...request.with)) ?? null });
  } catch (error) {
    const told = error instanceof MatrixError ? { status: error.httpStatus, ...error.data } : { error: String(error) };
    say({ error: told });
  }
}
process.exit();
