// What cannot be taken back is asked first, in the page's #confirm.

import { byId, setText } from "./dom.js";

/** Answers the question that is open. */
let answer = () => {};

/** Whether they said yes. `parts`: text and elements. */
export function confirmed(title, parts, yes) {
  answer(false);
  setText(byId("confirm-title"), title);
  byId("confirm-text").replaceChildren(...parts);
  setText(byId("confirm-yes"), yes);
  const dialog = byId("confirm");
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    answer = resolve;
  });
}

byId("confirm").addEventListener("close", () => {
  const dialog = byId("confirm");
  // The news that it was closed comes a moment later, when the next question may be open already.
  if (!dialog.open) answer(dialog.returnValue === "yes");
});
