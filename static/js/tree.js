// The tree of tenants: <table data-tree> whose rows carry data-depth. A toggle's first click asks for the rows
// below (htmx puts them after its row); later ones only hide and show. Arrow keys open, close and move.
(() => {
  const rowsOf = (table) => [...table.querySelectorAll("tbody tr[data-depth]")];
  const toggleOf = (row) => row?.querySelector(".tree-toggle");

  function show(table) {
    let closedAt = Infinity;
    for (const row of rowsOf(table)) {
      const depth = Number(row.dataset.depth);
      row.hidden = depth > closedAt;
      if (row.hidden) continue;
      closedAt = toggleOf(row)?.getAttribute("aria-expanded") === "false" ? depth : Infinity;
    }
  }

  function set(toggle, open) {
    if ((toggle.getAttribute("aria-expanded") === "true") !== open) toggle.click();
  }

  function focus(row) {
    row?.querySelector("a, button:not(.tree-toggle)")?.focus();
  }

  function parentOf(row, rows) {
    const depth = Number(row.dataset.depth);
    return rows.slice(0, rows.indexOf(row)).findLast((other) => Number(other.dataset.depth) < depth);
  }

  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-tree] .tree-toggle");
    if (!toggle) return;
    toggle.setAttribute("aria-expanded", String(toggle.getAttribute("aria-expanded") !== "true"));
    show(toggle.closest("table"));
  });

  document.addEventListener("htmx:afterSwap", () => {
    for (const table of document.querySelectorAll("[data-tree]")) show(table);
  });

  document.addEventListener("keydown", (event) => {
    const row = event.target.closest?.("[data-tree] tr[data-depth]");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = rowsOf(row.closest("table")).filter((one) => !one.hidden);
    const at = rows.indexOf(row);
    const toggle = toggleOf(row);
    const isOpen = toggle?.getAttribute("aria-expanded") === "true";
    const acts = {
      ArrowDown: () => focus(rows[at + 1]),
      ArrowUp: () => focus(rows[at - 1]),
      ArrowRight: () => (isOpen ? focus(rows[at + 1]) : toggle && set(toggle, true)),
      ArrowLeft: () => (isOpen ? set(toggle, false) : focus(parentOf(row, rows))),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });
})();
