"use strict";

// Every button of the form works without this script, as a request of its own. With it the page stays where it is:
// the form is sent in the background, and what comes back takes its place.

const panel = () => document.getElementById("message-panel");

function show(message) {
  panel().className = "";
  panel().textContent = message;
}

async function send(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  // What is typed while the answer is on its way would be lost: the answer has not seen it.
  form.inert = true;
  const answer = await fetch(form.action, { method: "POST", body });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // The page of an error has no form; then what was entered stays.
  form.replaceWith(page.getElementById(form.id) ?? form);
  panel().className = page.getElementById("message-panel").className;
  panel().textContent = page.getElementById("message-panel").textContent;
}

// Whoever uses a keyboard goes on where they were; after a removal, where the removed thing was.
function restoreFocus(id) {
  const form = document.getElementById("addUsersForm");
  (document.getElementById(id) ?? form.querySelector("fieldset:last-of-type input")).focus();
}

document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (event.target.id !== "addUsersForm" || button?.name !== "change") {
    return;
  }
  event.preventDefault();
  const unreachable = event.target.dataset.unreachable;
  try {
    await send(event.target, button);
  } catch {
    show(unreachable);
  }
  event.target.inert = false;
  restoreFocus(button.id);
});
