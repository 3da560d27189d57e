// What the totals say: the tiles, the plots, and the verdict in one sentence.

import { byId, make, setText, shownDuration, shownNumber } from "./dom.js";
import { Plot, WINDOW_MS } from "./plot.js";

const RATE_MS = 10_000; // a rate is that of the last ten seconds
const LATENESS_MS = 60_000; // few events are due in a second

const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);
const plots = {
  restarts: new Plot("Heartbeats a second", ["restarted"], shownNumber),
  outcomes: new Plot("Outcomes a minute", ["sent", "failed"], shownNumber),
  lateness: new Plot("How late they were sent", ["half within", "99 % within"], shownDuration),
};
const tiles = new Map();
let samples = [];

/** Of the values that a histogram counted between two samples, the one that this share does not exceed. */
function quantile(share, before, after) {
  const total = after.count - before.count;
  if (total <= 0) return null;
  let below = 0;
  let lower = 0;
  for (let i = 0; i < after.buckets.length; i++) {
    const count = after.buckets[i].count - before.buckets[i].count;
    const { le } = after.buckets[i];
    if (count >= share * total) return lower + ((le - lower) * (share * total - below)) / (count - below || 1);
    below = count;
    lower = le;
  }
  return lower;
}

/** The sample that is so old, or the oldest. */
const sampleBefore = (now, age) => samples.findLast((sample) => sample.now <= now - age) ?? samples[0];

function rate(latest, of) {
  const before = sampleBefore(latest.now, RATE_MS);
  const seconds = (latest.now - before.now) / 1000;
  return seconds <= 0 ? null : (of(latest.totals) - of(before.totals)) / seconds;
}

function showTile(name, value, mood = "") {
  let tile = tiles.get(name);
  if (!tile) {
    tile = make("div", {}, make("dt", {}, name), make("dd"));
    tiles.set(name, tile);
    byId("tiles").append(tile);
  }
  tile.className = mood;
  setText(tile.lastChild, value);
}

export function verdict(totals) {
  const failed = sum(totals.failed);
  if (totals.draining) return ["warn", "Out of service: clients are sent elsewhere, and what is due is sent"];
  if (!totals.ready) return ["bad", `Not ready: ${totals.not_ready}`];
  if (totals.homeserver_outage) return ["bad", "The homeserver takes no events: all that is due waits for it"];
  if (totals.aside > 0) return ["warn", `${shownNumber(totals.aside)} set aside: the homeserver does not let them through`];
  if (totals.in_doubt > 0) return ["warn", `${shownNumber(totals.in_doubt)} in doubt: it is being found out whether they arrived`];
  if (failed > 0) return ["good", `All is well. ${shownNumber(failed)} failed since the start`];
  return ["good", "All is well"];
}

export function showPlots() {
  byId("plots").replaceChildren(...Object.values(plots).map((plot) => plot.element));
}

export function showTotals(totals) {
  const latest = { now: totals.now_ts, totals };
  // It is another process, which counts from zero.
  const last = samples.at(-1);
  if (last && (totals.sent < last.totals.sent || totals.restarts < last.totals.restarts)) samples = [];
  samples.push(latest);
  while (samples[0].now < latest.now - WINDOW_MS) samples.shift();

  const restarts = rate(latest, (figures) => figures.restarts);
  const sent = rate(latest, (figures) => figures.sent);
  const failed = rate(latest, (figures) => sum(figures.failed));
  const before = sampleBefore(latest.now, LATENESS_MS).totals.lateness_seconds;
  const half = quantile(0.5, before, totals.lateness_seconds);
  const most = quantile(0.99, before, totals.lateness_seconds);
  const perMinute = (value) => (value === null ? null : value * 60);
  plots.restarts.add(latest.now, [restarts]);
  plots.outcomes.add(latest.now, [perMinute(sent), perMinute(failed)]);
  plots.lateness.add(latest.now, [half, most]);

  if (totals.scheduled !== undefined) showTile("Scheduled", shownNumber(totals.scheduled));
  showTile("Heartbeats a second", restarts === null ? "–" : shownNumber(restarts));
  showTile("Waiting, though due", shownNumber(totals.waiting), totals.homeserver_outage && totals.waiting > 0 ? "bad" : "");
  showTile("In doubt", shownNumber(totals.in_doubt), totals.in_doubt > 0 ? "warn" : "");
  showTile("Set aside", shownNumber(totals.aside), totals.aside > 0 ? "warn" : "");
  showTile("Sent since the start", shownNumber(totals.sent));
  showTile("Failed since the start", shownNumber(sum(totals.failed)), sum(totals.failed) > 0 ? "bad" : "");
}
