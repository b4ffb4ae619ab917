// A page that refreshes itself can be paused (WCAG 2.2.2), and keeps what its reader opened or closed.
//   <section data-follow hx-get=... hx-trigger="every 2s"> … <button type="button" data-follow-toggle hidden>
(() => {
  let paused = false;
  const chosen = new Map();

  const buttons = () => document.querySelectorAll("[data-follow-toggle]");

  function show() {
    for (const button of buttons()) {
      button.hidden = !document.querySelector("[data-follow]");
      button.setAttribute("aria-pressed", String(paused));
      button.querySelector("[data-label]").textContent = paused ? "Follow again" : "Stop following";
    }
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-follow-toggle]")) {
      paused = !paused;
      show();
    }
    const summary = event.target.closest("details[id] > summary");
    if (summary) chosen.set(summary.parentElement.id, !summary.parentElement.open);
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (paused && event.target.closest("[data-follow]")) event.preventDefault();
  });

  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, open] of chosen) {
      const details = document.getElementById(id);
      if (details) details.open = open;
    }
    show();
  });

  show();
})();
