// <time datetime>: keeps "12 min ago" true and gives the exact time in the reader's zone as its title.
// data-clock says the hour instead ("minutes", or with seconds), data-age how long ago without "ago".
// The rules of the words are those of portal/core/templatetags/portal_tags.py.
(() => {
  const EVERY_MS = 30_000;
  const UNITS = [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const timeZone = document.documentElement.dataset.timeZone || undefined;
  const format = (options) => new Intl.DateTimeFormat("en-GB", { ...options, timeZone });
  const exact = format({ dateStyle: "full", timeStyle: "long" });
  const date = format({ day: "numeric", month: "short", year: "numeric" });
  const dayAndMonth = format({ day: "numeric", month: "short" });
  const hour = {
    minutes: format({ hour: "2-digit", minute: "2-digit" }),
    seconds: format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  };
  let isScheduled = false;

  function largestUnit(seconds) {
    const [size, unit] = UNITS.find(([length]) => seconds >= length) || UNITS.at(-1);
    const amount = Math.floor(seconds / size);
    if (unit === "d") return amount === 1 ? "1 day" : `${amount} days`;
    return `${amount} ${unit}`;
  }

  function ago(moment, now) {
    const seconds = Math.abs(now - moment) / 1000;
    if (seconds < 60) return "just now";
    if (seconds >= 30 * 86_400) return date.format(moment);
    return moment <= now ? `${largestUnit(seconds)} ago` : `in ${largestUnit(seconds)}`;
  }

  function clock(moment, now, kind) {
    const time = (hour[kind] || hour.seconds).format(moment);
    return date.format(moment) === date.format(now) ? time : `${dayAndMonth.format(moment)} ${time}`;
  }

  function words(element, moment, now) {
    if ("clock" in element.dataset) return clock(moment, now, element.dataset.clock);
    if ("age" in element.dataset) return largestUnit(Math.max(0, (now - moment) / 1000));
    return ago(moment, now);
  }

  function refresh() {
    isScheduled = false;
    const now = new Date();
    for (const element of document.querySelectorAll("time[datetime]")) {
      const moment = new Date(element.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      const text = words(element, moment, now);
      if (element.textContent !== text) element.textContent = text;
      if (element.dataset.exact === element.dateTime) continue;
      element.title = exact.format(moment);
      element.dataset.exact = element.dateTime;
    }
  }

  function schedule() {
    if (isScheduled || document.hidden) return;
    isScheduled = true;
    requestAnimationFrame(refresh);
  }

  document.addEventListener("DOMContentLoaded", () => {
    refresh();
    new MutationObserver(schedule).observe(document.body, {
      childList: true,
      subtree: true,
      attributeFilter: ["datetime", "data-exact"],
    });
  });
  document.addEventListener("visibilitychange", schedule);
  setInterval(schedule, EVERY_MS);
})();
