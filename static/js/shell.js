// The shell: sidebar, keys, filters, password fields, names typed to confirm.
(() => {
  const root = document.documentElement;
  const GO_WITHIN_MS = 1000; // how long after "g" the second key counts
  let goPressedAt = 0;

  function sidebarIsNarrow() {
    return root.hasAttribute("data-sidebar-narrow");
  }

  function showSidebarState() {
    for (const toggle of document.querySelectorAll("[data-sidebar-toggle]")) {
      toggle.setAttribute("aria-expanded", String(!sidebarIsNarrow()));
      toggle.setAttribute("aria-label", sidebarIsNarrow() ? "Expand sidebar" : "Collapse sidebar");
    }
  }

  function rows() {
    return [...document.querySelectorAll("table.data-table tbody tr, .feed-line")].filter((row) => row.checkVisibility() && row.matches(":has(td:not([colspan])), li"));
  }

  function currentRow() {
    return document.querySelector("table.data-table tbody tr.is-current, .feed-line.is-current");
  }

  function moveRow(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(currentRow());
    const next = all[Math.min(all.length - 1, Math.max(0, at === -1 ? 0 : at + step))];
    for (const row of all) row.classList.toggle("is-current", row === next);
    const target = next.querySelector("a[href]") || next.querySelector("button, input"); // Enter opens the row
    target?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  function isTyping(element) {
    return element.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  }

  function go(key) {
    const link = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (link) link.click();
  }

  const keys = {
    "/": () => {
      const search = document.querySelector("[data-search]");
      if (search?.offsetParent) search.select();
      else document.querySelector(".topbar-search-link")?.click();
    },
    "?": () => document.getElementById("keyboard-help")?.showModal(),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    x: () => currentRow()?.querySelector("input[type=checkbox]")?.click(),
    g: () => {
      goPressedAt = Date.now();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (Date.now() - goPressedAt < GO_WITHIN_MS && event.key !== "g") {
      goPressedAt = 0;
      event.preventDefault();
      go(event.key);
      return;
    }
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-sidebar-toggle]")) {
      root.toggleAttribute("data-sidebar-narrow");
      localStorage.setItem("sidebar", sidebarIsNarrow() ? "narrow" : "wide");
      showSidebarState();
    }
    if (event.target.closest("[data-help]")) keys["?"]();
    const unfold = event.target.closest("[data-unfold]"); // the filters of a list, on a phone
    if (unfold) unfold.setAttribute("aria-expanded", String(unfold.ariaExpanded !== "true"));
  });

  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches(".filter-bar")) return;
    const parameters = event.detail.parameters; // an address without the filters that are not set
    for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    event.target.querySelector?.("[data-autofocus]")?.focus();
  });

  document.addEventListener("DOMContentLoaded", showSidebarState);
})();
