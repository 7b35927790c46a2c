// Says in words why a passkey could not be used; django-allauth's script does the rest.
(() => {
  const WORDS = {
    NotAllowedError: "No passkey was given. Try again, or use another way.",
    InvalidStateError: "This key is set up already.",
    SecurityError:
      "Passkeys work only where the portal is opened by its host name over https, not by an IP address.",
    NotSupportedError: "This key cannot do what is asked of it. Try another one.",
  };

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const place = document.querySelector("[data-key-error]");
    if (!place) return;
    const error = event.detail.exception;
    const noKeys = !window.PublicKeyCredential;
    place.textContent = noKeys
      ? "Passkeys need a newer browser, and the portal opened over https."
      : (WORDS[error.name] ?? "The passkey could not be used. Try again, or use another way.");
    place.hidden = false;
  });
})();
