// Notices: from the page itself, from HX-Trigger {"toast": {level, text, undo_url}}, and for requests that failed.
(() => {
  const SHOWN_MS = 10_000; // as long as Undo is offered

  const area = () => document.getElementById("toasts");

  function retire(note) {
    if (["danger", "error"].includes(note.dataset.level)) return; // errors stay until closed
    let timer;
    const start = () => {
      timer = setTimeout(() => note.remove(), SHOWN_MS);
    };
    const stop = () => clearTimeout(timer);
    note.addEventListener("pointerenter", stop);
    note.addEventListener("pointerleave", start);
    note.addEventListener("focusin", stop);
    note.addEventListener("focusout", start);
    start();
  }

  function show({ level = "info", text, undo_url: undoUrl = "" }) {
    const note = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
    note.dataset.level = level;
    note.querySelector(".toast-text").textContent = text;
    const undo = note.querySelector("[data-toast-undo]");
    undo.dataset.toastUndo = undoUrl;
    undo.hidden = !undoUrl;
    area().append(note);
    retire(note);
  }

  document.addEventListener("toast", (event) => show(event.detail));

  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    const texts = {
      403: "You may not do this. Ask an administrator of this tenant.",
      404: "This is not there any more. Reload the page.",
      429: "Too many requests. Wait a minute, then try again.",
    };
    show({ level: "danger", text: texts[status] || `The portal answered with an error (${status}). Try again.` });
  });

  document.addEventListener("htmx:sendError", () => {
    show({ level: "danger", text: "The portal did not answer. Check your connection, then try again." });
  });

  document.addEventListener("click", (event) => {
    const note = event.target.closest(".toast-note");
    if (!note) return;
    const undo = event.target.closest("[data-toast-undo]");
    if (undo) htmx.ajax("POST", undo.dataset.toastUndo, { source: document.body, swap: "none" });
    if (undo || event.target.closest("[data-toast-close]")) note.remove();
  });

  document.addEventListener("DOMContentLoaded", () => {
    for (const note of area().querySelectorAll(".toast-note")) retire(note);
  });
})();
