// What each list is, in words for whoever sees it for the first time. `ask` is what somebody has to type first.

export const views = {
  due: {
    title: "Due next",
    hint: "What is sent next, unless its client restarts it in time. A client that is there restarts its event every few seconds, so it hardly ever gets to the top.",
    nothing: "Nothing is scheduled.",
    path: "events/due",
  },
  late: {
    title: "Late",
    hint: "Their time has come, and they have no outcome yet: they wait for their turn or for the homeserver, or are being sent. They are not lost.",
    nothing: "Nothing is late.",
    path: "events/late",
  },
  in_doubt: {
    title: "In doubt",
    hint: "They were sent, and the answer was lost or said nothing. Afterword looks for each in its room before it is sent again, so that nothing is sent twice. There is nothing to do here: see that the homeserver answers.",
    nothing: "Nothing is in doubt.",
    path: "events/in_doubt",
  },
  aside: {
    title: "Set aside",
    hint: "The homeserver has not let them through for so long that their room goes on without them. They are tried at growing intervals, and fail after a day. What it says shows why.",
    nothing: "Nothing is set aside.",
    path: "events/aside",
  },
  failed: {
    title: "Failed",
    hint: "The homeserver refused them for good, in the words that are shown; the latest first. A user who is no longer in the room is the usual reason.",
    nothing: "Nothing has failed, as far back as it is kept.",
    path: "events/failed",
    pages: true,
  },
  user: {
    title: "By user",
    hint: "All that somebody has scheduled, and what has become of it; the latest due first.",
    nothing: "This user has scheduled nothing that is still kept.",
    ask: "User, as @alice:example.org",
    path: "events/of_user",
    parameter: "user_id",
    pages: true,
  },
  room: {
    title: "By room",
    hint: "What is scheduled or being sent in a room; the earliest due first.",
    nothing: "Nothing is scheduled in this room.",
    ask: "Room, as !a:example.org",
    path: "events/of_room",
    parameter: "room_id",
    pages: true,
  },
  look_up: {
    title: "Look up",
    hint: "One event, by the delay_id that a client was given. Whoever knows a delay_id may act on its event, so none is shown here.",
    nothing: "There is no such event, or it is no longer kept.",
    ask: "delay_id",
  },
  instance: {
    title: "This instance",
    hint: "What can be changed while it runs. Neither outlives a restart.",
  },
};
