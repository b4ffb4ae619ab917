// Joins a form with data-passkey to allauth's scripts, and says in words what went wrong.
(() => {
  const form = document.querySelector("form[data-passkey]");
  if (!form || !window.PublicKeyCredential || !window.allauth) return;

  const kind = form.dataset.passkey;
  const ids = { data: "passkey-data" };
  ids[kind] = "passkey-button";
  ids.credential = kind === "add" ? "id_credential" : "passkey-credential";
  if (kind === "add") ids.passwordless = "id_passwordless";

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const place = form.querySelector("[data-passkey-error]");
    place.textContent = "No passkey was given. Try again, or go on in another way.";
    place.hidden = false;
  });

  window.allauth.webauthn.forms[`${kind}Form`]({ ids });
  form.hidden = false;
})();
