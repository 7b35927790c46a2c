// Applies what the server says has changed. One websocket per page brings frames of small elements
// and marks; an element replaces the one with its id, a mark tells counters and lists to ask again.
(() => {
  const NAMES = ["jobs", "devices", "servers", "operations", "alerts", "freshness"];
  const PIECES = ["job-", "device-", "server-", "operation-"].map((start) => `[id^="${start}"]`).join();
  const ASK_EVERY_MS = 5000;
  const JITTER_MS = 1000;
  const PAGE_IS_OLD_MS = 5000; // what the server repeats to a page that has just joined
  const SILENT_MS = 70_000; // the server says something every 25 s
  const POLL_AFTER_MS = 10_000; // without a connection for so long, the page asks by itself
  const POLL_EVERY_MS = 30_000;
  const REFRESH_SPREAD_MS = 5000; // what all pages are told at once they do not do at once
  const REFRESH_AGAIN_MS = 10_000; // after one that failed
  const READ_MS = 20_000; // for the answer to come
  const SIGNED_OUT = 4401;
  const REFUSED = 4403;
  const CONNECTED_ANEW_BY_HTMX = [1006, 1011, 1012, 1013]; // a proxy may also end a connection with a clean code

  let openedBefore = false;
  let line = null; // the open socket, and what connects anew
  let polling = 0; // timer of the next time the page asks by itself
  let isPolling = false;
  let heardAt = new Date();
  const marks = new Map(); // name -> {changed, added: sets of ids, askedAt, timer}
  const waitingLines = [];
  let linesAskedAt = -ASK_EVERY_MS; // of a feed with filters
  let linesTimer = 0;
  let linesAreOld = false;
  let pageIsOld = false;
  let isRefreshing = false;
  let refreshTimer = 0;

  // Frames

  function applyFrame(text) {
    const holder = document.createElement("template");
    holder.innerHTML = text;
    for (const element of [...holder.content.children]) {
      if (element.id === "live-marks") noteMarks(JSON.parse(element.dataset.marks));
      else if (element.id.startsWith("event-")) takeLine(element);
      else replacePiece(element);
    }
  }

  function replacePiece(fresh) {
    const shown = document.getElementById(fresh.id);
    if (shown && shown.outerHTML !== fresh.outerHTML) Idiomorph.morph(shown, fresh, { morphStyle: "outerHTML" });
  }

  // Activity: new lines slide in once; they wait while it is paused or somebody points at it

  const feed = () => document.getElementById("activity-feed");
  const pauseButton = () => document.getElementById("activity-pause");
  const isPaused = () => pauseButton()?.getAttribute("aria-pressed") === "true";

  function takeLine(line) {
    if (!feed()) return;
    if (document.getElementById(line.id)) return replacePiece(line); // a gap that has ended, say
    if ("narrowed" in feed().dataset) return askForLines(); // what its filters let through the server knows
    placeLine(line);
  }

  function placeLine(line) {
    if (document.getElementById(line.id)) return;
    if (isPaused() || isInUse(feed())) {
      if (!waitingLines.some((waiting) => waiting.id === line.id)) waitingLines.push(line);
      showWaitingLines();
    } else {
      insertLine(line);
    }
  }

  function insertLine(line) {
    line.classList.add("feed-line-new");
    line.addEventListener("animationend", () => line.classList.remove("feed-line-new"), { once: true });
    feed().prepend(line);
    const keep = Number(feed().dataset.keep || 50);
    while (feed().children.length > keep) feed().lastElementChild.remove();
    document.getElementById("activity-empty")?.remove();
  }

  function showWaitingLines() {
    const button = document.getElementById("activity-new");
    if (!button) return;
    button.hidden = waitingLines.length === 0;
    button.textContent = `${waitingLines.length} new`;
  }

  function releaseLines() {
    if (!feed()) return;
    for (const line of waitingLines.splice(0)) {
      if (!document.getElementById(line.id)) insertLine(line);
    }
    showWaitingLines();
  }

  function askForLines() {
    if (linesTimer) return;
    const pause = Math.max(0, linesAskedAt + ASK_EVERY_MS - performance.now());
    linesTimer = setTimeout(readLines, pause + Math.random() * JITTER_MS);
  }

  async function readLines() {
    linesTimer = 0;
    linesAreOld = document.hidden;
    if (linesAreOld) return; // asked when somebody looks again
    linesAskedAt = performance.now();
    const shown = feed();
    const fresh = await readPage();
    if (fresh && shown && shown === feed()) placeLines(fresh);
  }

  function placeLines(fresh) {
    for (const line of [...(fresh.getElementById("activity-feed")?.children ?? [])].reverse()) {
      const isShown = document.getElementById(line.id);
      (isShown ? replacePiece : placeLine)(document.adoptNode(line));
    }
  }

  document.addEventListener("htmx:afterSwap", ({ target }) => {
    if (target.id === "activity-list") waitingLines.length = 0; // they were of other filters
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#activity-new")) releaseLines();
    const pause = event.target.closest("#activity-pause");
    if (!pause) return;
    const paused = !isPaused();
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) releaseLines();
  });
  document.addEventListener("pointerout", (event) => {
    const left = feed()?.contains(event.target) && !feed().contains(event.relatedTarget);
    if (left && !isPaused()) releaseLines();
  });

  // Marks: counters and lists ask again, at most every five seconds each

  function noteMarks({ refresh = false, added = {}, ...changed }) {
    if (refresh) refreshSoon();
    for (const [name, ids] of Object.entries(changed)) {
      const mark = marks.get(name) ?? { changed: new Set(), added: new Set(), askedAt: -ASK_EVERY_MS, timer: 0 };
      marks.set(name, mark);
      for (const id of ids) mark.changed.add(id);
      for (const id of added[name] ?? []) mark.added.add(id);
      if (mark.timer) continue;
      const pause = Math.max(0, mark.askedAt + ASK_EVERY_MS - performance.now());
      mark.timer = setTimeout(() => ask(name, mark), pause + Math.random() * JITTER_MS);
    }
  }

  function ask(name, mark) {
    mark.timer = 0;
    if (document.hidden) return; // asked when somebody looks again
    mark.askedAt = performance.now();
    const { changed, added } = mark;
    mark.changed = new Set();
    mark.added = new Set();
    htmx.trigger(document.body, `live:${name}`, { ids: [...changed] });
    if (name === "placements") refreshSoon(); // any row may be somebody else's now
    for (const table of document.querySelectorAll(`[data-live-table="${name}"]`)) {
      updateTable(table, name, changed, added);
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (pageIsOld && !refreshTimer) refreshInTurn();
    if (linesAreOld) askForLines();
    for (const [name, mark] of marks) if (mark.changed.size && !mark.timer) ask(name, mark);
  });

  function updateTable(table, name, changed, added) {
    const query = new URLSearchParams((table.getAttribute("hx-get") || "").split("?")[1]);
    if (query.has("after") || query.has("before")) return; // new rows stand on the first page
    query.delete("sort");
    const isFiltered = [...query.values()].some(Boolean);
    const kind = name.replace(/s$/, "");
    const isShown = (id) => table.querySelector(`[id^="${kind}-${id}-"]`) !== null;
    const isNew = (id) => !isShown(id) && (added.has(id) || (name === "operations" && id > highestId(table, kind)));
    const fresh = [...changed].filter(isNew).length;
    if (fresh || (isFiltered && [...changed].some((id) => !isShown(id)))) refreshTable(table, fresh);
  }

  function highestId(table, kind) {
    const ids = [...table.querySelectorAll(`[id^="${kind}-"]`)].map((row) => parseInt(row.id.slice(kind.length + 1), 10));
    return Math.max(0, ...ids.filter(Number.isFinite));
  }

  function refreshTable(table, fresh) {
    const button = newRowsButton(table);
    if (isInUse(table) || table.querySelector("input:checked")) {
      const count = Number(button.dataset.count || 0) + fresh;
      button.dataset.count = count;
      button.textContent = count ? `${count} new` : "Show changes";
      button.hidden = false;
    } else {
      button.hidden = true;
      button.dataset.count = 0;
      htmx.trigger(table, "live-refresh");
    }
  }

  function newRowsButton(table) {
    const found = table.querySelector(".live-new") ?? table.parentElement.querySelector(":scope > .live-new");
    if (found) return found;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm live-new";
    button.hidden = true;
    table.before(button);
    return button;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".live-new");
    if (!button || button.id === "activity-new") return;
    const table = button.closest("[data-live-table]") ?? button.parentElement.querySelector("[data-live-table]");
    button.hidden = true;
    button.dataset.count = 0;
    if (table) htmx.trigger(table, "live-refresh");
  });

  function isInUse(element) {
    const isPointedAt = matchMedia("(hover: hover)").matches && element.matches(":hover");
    return isPointedAt || element.contains(document.activeElement);
  }

  // After a gap everything on the page may be old

  function refreshSoon(pause = 0) {
    pageIsOld = true;
    refreshTimer ||= setTimeout(refreshInTurn, pause + Math.random() * REFRESH_SPREAD_MS);
  }

  function refreshInTurn() {
    refreshTimer = 0;
    if (document.hidden || !line) return; // done when somebody looks again, or with the next connection
    if (isRefreshing) refreshSoon();
    else refreshPage();
  }

  async function refreshPage() {
    isRefreshing = true;
    pageIsOld = false;
    try {
      await readAll();
    } finally {
      isRefreshing = false;
    }
  }

  async function readAll() {
    for (const name of NAMES) htmx.trigger(document.body, `live:${name}`, { ids: [] });
    for (const table of document.querySelectorAll("[data-live-table]")) refreshTable(table, 0);
    const pieces = [...document.querySelectorAll(PIECES)].filter((piece) => !piece.closest("[data-live-table]"));
    if (!pieces.length && !feed() && line) return;
    const fresh = await readPage();
    if (!fresh) return;
    for (const piece of pieces) {
      const twin = fresh.getElementById(piece.id);
      if (twin) replacePiece(document.adoptNode(twin));
    }
    placeLines(fresh);
  }

  async function readPage() {
    const headers = { Accept: "text/html", "X-Unattended": "1" };
    const read = async (answer) => ({ answer, text: await answer.text() });
    const asked = fetch(location.href, { headers, signal: AbortSignal.timeout(READ_MS) });
    const { answer, text } = await asked.then(read).catch(() => ({}));
    if (hasFailed(answer)) refreshSoon(REFRESH_AGAIN_MS);
    if (!line && answer?.redirected) location.reload(); // signed out meanwhile
    if (!answer?.ok || answer.redirected) return null;
    heardAt = new Date();
    return new DOMParser().parseFromString(text, "text/html");
  }

  const hasFailed = (answer) => !answer?.status || answer.status >= 500; // a refusal stays one

  for (const failure of ["htmx:sendError", "htmx:responseError"]) {
    document.addEventListener(failure, ({ detail }) => {
      const isLive = detail.requestConfig.triggeringEvent?.type.startsWith("live");
      if (isLive && hasFailed(detail.xhr)) refreshSoon(REFRESH_AGAIN_MS);
    });
  }

  // What a page asks by itself is no sign that somebody is there: a session nobody uses ends.

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.triggeringEvent?.type.startsWith("live")) detail.headers["X-Unattended"] = "1";
  });

  // The connection, and what the top bar says of it

  function say(state, text) {
    const pill = document.getElementById("live-state");
    if (!pill) return;
    pill.dataset.state = state;
    (pill.querySelector("[data-live-text]") ?? pill).textContent = text;
  }

  const timeZone = document.documentElement.dataset.timeZone || undefined;
  const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone });
  const clock = (moment) => hour.format(moment);

  document.addEventListener("htmx:wsBeforeMessage", (event) => {
    event.preventDefault();
    heardAt = new Date();
    applyFrame(event.detail.message);
  });
  document.addEventListener("htmx:wsOpen", ({ detail }) => {
    line = { socket: detail.event.target, wrapper: detail.socketWrapper };
    clearTimeout(polling);
    polling = 0;
    isPolling = false;
    say("live", "Live");
    if (openedBefore || performance.now() > PAGE_IS_OLD_MS) refreshSoon();
    openedBefore = true;
    heardAt = new Date();
  });
  document.addEventListener("htmx:wsClose", ({ detail }) => {
    const { code } = detail.event;
    line = null;
    if (code === SIGNED_OUT) {
      location.reload(); // leads to sign-in, and back here
    } else if (code === REFUSED) {
      say("off", "Not live");
    } else {
      lost();
      if (CONNECTED_ANEW_BY_HTMX.includes(code)) return;
      setTimeout(() => detail.socketWrapper.reconnect(), (1 + Math.random()) * JITTER_MS);
    }
  });

  // A line may be dead though nobody says so: it is given up, and the page connects anew

  setInterval(() => {
    if (!line || Date.now() - heardAt < SILENT_MS) return;
    const { socket, wrapper } = line;
    line = null;
    socket.onclose = null; // what is given up has nothing to say any more
    socket.close();
    lost();
    wrapper.reconnect();
  }, 5000);

  // Without websockets, which some proxies do not let through, the page asks every half minute

  function lost() {
    say("waiting", `${isPolling ? "Not live" : "Reconnecting"}, data from ${clock(heardAt)}`);
    if (!polling) polling = setTimeout(poll, POLL_AFTER_MS);
  }

  async function poll() {
    if (line) return;
    if (!document.hidden && !isRefreshing) await refreshPage();
    if (line) return;
    isPolling = true;
    say("waiting", `Not live, data from ${clock(heardAt)}`);
    polling = setTimeout(poll, POLL_EVERY_MS * (1 + Math.random() / 4));
  }

  htmx.config.wsReconnectDelay = (attempt) => Math.min(15_000, 500 * 2 ** attempt) * (0.5 + Math.random() / 2);
})();
