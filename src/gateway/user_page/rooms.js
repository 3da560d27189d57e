// The rooms of whoever is signed in, by names that they know.

import { Refusal } from "./api.js";

const MOST_NAMES = 300; // a room has up to two questions; the others are shown by their ids
const AT_ONCE = 6;

let names = new Map();

/** As far as it is known. */
export const nameOf = (room) => names.get(room) ?? room;

export function forgetRooms() {
  names = new Map();
}

async function askForName(session, room, people) {
  const name = (await session.roomState(room, "m.room.name"))?.name;
  if (typeof name === "string" && name.trim() !== "") return name;
  if (people.has(room)) return people.get(room);
  const alias = (await session.roomState(room, "m.room.canonical_alias"))?.alias;
  return typeof alias === "string" && alias !== "" ? alias : room;
}

/** The ids of the rooms, by name. */
export async function readRooms(session) {
  const [rooms, direct] = await Promise.all([session.joinedRooms(), session.accountData("m.direct")]);
  const people = new Map();
  for (const [person, theirs] of Object.entries(direct ?? {})) {
    if (Array.isArray(theirs)) for (const room of theirs) people.set(room, person);
  }
  const found = new Map(rooms.map((room) => [room, room]));
  const left = rooms.slice(0, MOST_NAMES);
  const askOn = async () => {
    for (let room = left.pop(); room !== undefined; room = left.pop()) {
      const name = await askForName(session, room, people).catch((refusal) => {
        if (session.hasEnded) throw refusal;
        return room;
      });
      found.set(room, name);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askOn));
  names = found;
  return rooms.sort((one, other) => nameOf(one).localeCompare(nameOf(other)));
}

/** Whether a message from here would not be readable to its members alone, as all others are. */
export async function isEncrypted(session, room) {
  try {
    return (await session.roomState(room, "m.room.encryption")) !== undefined;
  } catch (refusal) {
    if (!(refusal instanceof Refusal) || refusal.status === 401) throw refusal;
    const error = `Nothing is sent, as the server does not say whether this room is encrypted: ${refusal.message}`;
    throw new Refusal(refusal.status, { error });
  }
}
