// A page that asks for itself says so when nobody answers, instead of showing an old state as if it were the present;
// and when the answer is another page (the session has ended), it goes there.
(() => {
  const notice = document.getElementById("lost");
  const moment = notice.querySelector("[data-since]");

  function lost(event) {
    const control = event.detail.xhr?.getResponseHeader("Signalbox-Without-Control-Database") === "1";
    notice.querySelector('[data-lost="control"]').hidden = !control;
    notice.querySelector('[data-lost="web"]').hidden = control;
    if (!notice.hidden) return;
    moment.textContent = new Date().toLocaleTimeString();
    notice.hidden = false;
  }

  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);
  document.addEventListener("htmx:responseError", lost);
  document.addEventListener("htmx:beforeSwap", (event) => {
    const asked = new URL(event.detail.requestConfig.path, location);
    const answered = new URL(event.detail.xhr.responseURL || asked, location);
    if (answered.pathname !== asked.pathname) {
      event.detail.shouldSwap = false;
      location.reload();
    } else if (event.detail.xhr.status < 400) {
      notice.hidden = true;
    }
  });
})();
