// Runs before the first paint: applies the theme and the sidebar's width, so that neither flashes.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function stored(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage is switched off: the page's own choice stands
    }
  }

  function apply() {
    const choice = stored("theme") || root.dataset.theme || "system";
    root.dataset.bsTheme = choice === "system" ? (dark.matches ? "dark" : "light") : choice;
    for (const button of document.querySelectorAll("[data-theme-set]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeSet === choice));
    }
  }

  apply();
  root.toggleAttribute("data-sidebar-narrow", stored("sidebar") === "narrow");
  dark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-set]");
    if (!button) return;
    localStorage.setItem("theme", button.dataset.themeSet);
    apply();
  });
})();
