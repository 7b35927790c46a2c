// <time datetime>: keeps "12 min ago" true and gives the exact time in the reader's zone as its title.
// A <time data-clock> reads as the clock of that moment, 10:42:10, in the reader's zone.
// The rule of the words is that of portal/core/templatetags/portal_tags.py.
(() => {
  const EVERY_MS = 30_000;
  const zone = document.documentElement.dataset.timeZone || undefined;
  const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long", timeZone: zone });
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: zone });
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: zone });

  function words(moment, now) {
    const seconds = Math.abs(now - moment) / 1000;
    if (seconds < 60) return "just now";
    if (seconds >= 30 * 86_400) return day.format(moment);
    let amount;
    if (seconds < 3600) amount = `${Math.floor(seconds / 60)} min`;
    else if (seconds < 86_400) amount = `${Math.floor(seconds / 3600)} h`;
    else {
      const days = Math.floor(seconds / 86_400);
      amount = days === 1 ? "1 day" : `${days} days`;
    }
    return moment <= now ? `${amount} ago` : `in ${amount}`;
  }

  function refresh(within) {
    const now = new Date();
    for (const element of within.querySelectorAll("time[datetime]")) {
      const moment = new Date(element.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      const text = "clock" in element.dataset ? clock.format(moment) : words(moment, now);
      if (element.textContent !== text) element.textContent = text;
      if (element.dataset.exact !== element.dateTime) {
        element.title = exact.format(moment);
        element.dataset.exact = element.dateTime;
      }
    }
  }

  const refreshAll = () => refresh(document);
  document.addEventListener("DOMContentLoaded", refreshAll);
  document.addEventListener("htmx:load", (event) => refresh(event.target.parentElement || document));
  document.addEventListener("htmx:wsAfterMessage", refreshAll);
  document.addEventListener("visibilitychange", () => document.hidden || refreshAll());
  setInterval(() => document.hidden || refreshAll(), EVERY_MS);
})();
