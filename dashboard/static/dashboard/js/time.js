// Keeps "5 minutes ago" true while the page stays open, and gives the moment in the reader's own zone on hover.
// The words are those of the `ago` filter in templatetags/signalbox.py.
(() => {
  const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function ago(moment) {
    const seconds = Math.round((Date.now() - moment) / 1000);
    const size = Math.abs(seconds);
    if (size >= 30 * 86400) return null;
    if (size < 5) return "just now";
    const [length, unit] = UNITS.find(([length]) => size >= length);
    const count = Math.floor(size / length + (seconds < 0 ? 0.5 : 0));
    const phrase = `${count} ${unit}${count === 1 ? "" : "s"}`;
    return seconds < 0 ? `in ${phrase}` : `${phrase} ago`;
  }

  function refresh() {
    for (const element of document.querySelectorAll("time[datetime][data-relative]")) {
      const moment = new Date(element.dateTime);
      const words = ago(moment);
      if (words && element.textContent !== words) element.textContent = words;
      if (!element.dataset.utc) {
        element.dataset.utc = element.title;
        element.title = `${LOCAL.format(moment)} (${element.title})`;
      }
    }
  }

  refresh();
  setInterval(refresh, 15000);
  document.addEventListener("htmx:afterSettle", refresh);
})();
