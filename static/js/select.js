// Selecting rows: <form data-selection> around a table whose rows have <input type=checkbox name=selected>.
// [data-select-all] in the head takes the page; Shift takes a range; the bar of components/_selection_bar.html counts.
(() => {
  const numbers = new Intl.NumberFormat("en-GB");
  let lastBox = null;

  const boxes = (form) => [...form.querySelectorAll("input[type=checkbox][name=selected]")];

  function setMatching(form, on) {
    const field = form.querySelector("input[name=all_matching]");
    if (field) field.value = on ? "1" : "";
  }

  function show(form) {
    const all = boxes(form);
    const chosen = all.filter((box) => box.checked);
    for (const box of all) box.closest("tr")?.classList.toggle("is-selected", box.checked);
    const head = form.querySelector("[data-select-all]");
    if (head) {
      head.checked = all.length > 0 && chosen.length === all.length;
      head.indeterminate = chosen.length > 0 && chosen.length < all.length;
    }
    const bar = form.querySelector("[data-selection-bar]");
    if (!bar) return;
    const matching = form.querySelector("input[name=all_matching]")?.value === "1";
    bar.hidden = chosen.length === 0;
    const count = matching ? bar.dataset.matching : numbers.format(chosen.length);
    bar.querySelector("[data-selection-count]").textContent = `${count} selected`;
    const more = bar.querySelector("[data-select-matching]");
    if (more) more.hidden = matching || head?.checked !== true || Number(bar.dataset.total) <= chosen.length;
  }

  document.addEventListener("click", (event) => {
    const form = event.target.closest("[data-selection]");
    if (!form) return;
    if (event.target.matches("input[name=selected]")) {
      const all = boxes(form);
      if (event.shiftKey && lastBox && all.includes(lastBox)) {
        const [from, to] = [all.indexOf(lastBox), all.indexOf(event.target)].sort((a, b) => a - b);
        for (const box of all.slice(from, to + 1)) box.checked = event.target.checked;
      }
      lastBox = event.target;
      setMatching(form, false);
    } else if (event.target.matches("[data-select-all]")) {
      for (const box of boxes(form)) box.checked = event.target.checked;
      setMatching(form, false);
    } else if (event.target.closest("[data-select-none]")) {
      for (const box of boxes(form)) box.checked = false;
      setMatching(form, false);
    } else if (event.target.closest("[data-select-matching]")) {
      setMatching(form, true);
    } else {
      return;
    }
    show(form);
  });

  function showAll() {
    for (const form of document.querySelectorAll("[data-selection]")) show(form);
  }

  document.addEventListener("DOMContentLoaded", showAll);
  document.addEventListener("htmx:afterSettle", showAll);
})();
