// Menus are <details class="menu">: Esc and a click outside close them, arrow keys move in them, typing narrows them.
(() => {
  const ITEMS = ".dropdown-item:not([hidden]), .nav-line";

  function close(menu, giveFocusBack) {
    menu.open = false;
    if (giveFocusBack) menu.querySelector("summary").focus();
  }

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) close(menu, false);
    }
  });

  document.addEventListener("focusin", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) close(menu, false);
    }
  });

  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    if (event.key === "Escape") {
      event.preventDefault();
      close(menu, true);
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...menu.querySelectorAll(ITEMS)];
    const at = items.indexOf(document.activeElement);
    items[(at + step + items.length) % items.length]?.focus();
  });

  document.addEventListener(
    "toggle",
    (event) => {
      const filter = event.target.matches?.("details.menu[open]") && event.target.querySelector("[data-menu-filter]");
      if (filter) filter.focus();
    },
    true, // "toggle" does not bubble
  );

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-menu-filter]")) return;
    const menu = event.target.closest(".menu, [data-filter-scope]");
    const wanted = event.target.value.trim().toLowerCase();
    let found = 0;
    for (const item of menu.querySelectorAll("[data-filter-text]")) {
      item.hidden = !item.dataset.filterText.toLowerCase().includes(wanted);
      if (!item.hidden) found += 1;
    }
    const none = menu.querySelector("[data-menu-none]");
    if (none) none.hidden = found > 0 || !wanted;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches?.("[data-menu-filter]")) return;
    event.preventDefault(); // Enter takes the first that is left, not the form's first button
    if (!event.target.value.trim()) return;
    event.target.closest(".menu")?.querySelector("[data-filter-text]:not([hidden])")?.click();
  });
})();
