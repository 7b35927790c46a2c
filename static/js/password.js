// Password fields: show what is typed, and say when Caps Lock is on.
(() => {
  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-password-toggle]");
    if (!toggle) return;
    const input = document.getElementById(toggle.getAttribute("aria-controls"));
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    toggle.setAttribute("aria-pressed", String(!shown));
    input.focus();
  });

  function sayCapsLock(event) {
    if (!event.target.closest?.(".password-box") || !event.getModifierState) return;
    const hint = event.target.closest(".field").querySelector("[data-caps-hint]");
    if (hint) hint.hidden = !event.getModifierState("CapsLock");
  }

  document.addEventListener("keydown", sayCapsLock);
  document.addEventListener("keyup", sayCapsLock);
})();
