// Buttons that copy what a field holds: <button data-copy="id of the field">.
(() => {
  const SAID_MS = 4000;

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    const word = button.querySelector("[data-copy-word]");
    const usual = (button.dataset.usual ??= word.textContent);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      word.textContent = "Copied";
    } catch {
      word.textContent = "Press Ctrl+C"; // no clipboard without https; the text is selected
    }
    document.getElementById("announcer").textContent = word.textContent;
    setTimeout(() => (word.textContent = usual), SAID_MS);
  });
})();
