// Dialogs are <dialog>: #modal opens when htmx brings it content, and empties itself when closed.
(() => {
  const modal = () => document.getElementById("modal");

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target === modal() && modal().childElementCount && !modal().open) modal().showModal();
  });

  document.addEventListener("click", (event) => {
    const dialog = event.target.closest("dialog");
    if (!dialog) return;
    if (event.target === dialog || event.target.closest("[data-dialog-close]")) dialog.close();
  });

  document.addEventListener("modal-close", () => modal()?.close());

  document.addEventListener(
    "close",
    (event) => {
      if (event.target === modal()) modal().replaceChildren();
    },
    true, // "close" does not bubble
  );
})();
