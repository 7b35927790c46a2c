// Opens Comet's web interface signed in: in a window of its own (a [data-launch] form) or in a frame ([data-embedded]).
// The key is fetched only once that very window, from that very origin, has said that it is ready.
(() => {
  const PATIENCE_MS = 20_000;
  const LOOK_EVERY_MS = 1_000;
  const box = document.getElementById("launch-states");
  if (!box) return;
  const endButton = box.querySelector("[data-launch-end]");
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: document.documentElement.dataset.timeZone || undefined });

  function show(state, problem = "") {
    for (const line of box.querySelectorAll("[data-launch-state]")) line.hidden = line.dataset.launchState !== state;
    box.querySelector("[data-launch-problem]").textContent = problem;
    endButton.hidden = !["waiting", "open"].includes(state);
    box.dataset.state = state;
  }

  function showClock(selector, moment) {
    const element = box.querySelector(selector);
    element.dateTime = moment.toISOString();
    element.textContent = clock.format(moment);
  }

  async function post(url, token, fields = {}) {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: { Accept: "application/json", "X-CSRFToken": token },
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
    });
    let answer = {};
    try {
      answer = await response.json();
    } catch {
      answer = { problem: `The portal answered with an error (${response.status}). Open Comet again.` };
    }
    return { ok: response.ok, answer };
  }

  // One sign-in. `target` is the window or frame content that must speak first, `origin` where it must be.
  class SignIn {
    constructor(target, origin, token) {
      Object.assign(this, { target, origin, token, launch: null, loaded: false, over: false, signedIn: false });
      this.onMessage = (event) => this.hear(event);
      window.addEventListener("message", this.onMessage);
      this.patience = setTimeout(() => this.finish("silent", "silent"), PATIENCE_MS);
      show("waiting");
    }

    hear(event) {
      if (event.source !== this.target || event.origin !== this.origin) return;
      if (typeof event.data !== "object" || event.data === null || event.data.msg !== "app_loaded") return;
      this.loaded = true;
      this.signIn();
    }

    began(launch) {
      this.launch = launch;
      if (this.over) {
        post(launch.end_url, this.token, { because: this.because });
        return;
      }
      this.signIn();
    }

    async signIn() {
      if (!this.loaded || !this.launch || this.signedIn || this.over) return;
      this.signedIn = true; // one key, one message
      clearTimeout(this.patience);
      window.removeEventListener("message", this.onMessage);
      const { ok, answer } = await post(this.launch.key_url, this.token);
      if (!ok) {
        this.finish("failed", "silent", answer.problem);
        return;
      }
      this.target.postMessage(answer, this.origin);
      box.querySelector("[data-launch-username]").textContent = this.launch.username;
      showClock("[data-launch-since]", new Date());
      showClock("[data-launch-until]", new Date(this.launch.expires_at));
      show("open");
      this.watch = setInterval(() => this.look(), LOOK_EVERY_MS);
    }

    look() {
      if (this.target.closed) this.finish("ended", "closed");
      else if (Date.now() >= Date.parse(this.launch.expires_at)) this.finish("ended", "closed");
    }

    // Ends it here and at the server. Does nothing the second time.
    finish(state, because, problem) {
      if (this.over) return;
      Object.assign(this, { over: true, because });
      clearTimeout(this.patience);
      clearInterval(this.watch);
      window.removeEventListener("message", this.onMessage);
      show(state, problem);
      if (this.launch) post(this.launch.end_url, this.token, { because });
    }
  }

  let current = null;

  endButton.addEventListener("click", () => {
    const ended = current;
    ended?.finish("ended", "");
    if (ended?.target !== document.querySelector("iframe")?.contentWindow) ended?.target.close();
  });

  function watchForm(form) {
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    const problem = document.getElementById("launch-problem");
    const reasonError = document.getElementById("launch-reason-error");

    function refuse(answer) {
      const reasons = answer.errors?.reason || [];
      reasonError.textContent = reasons.join(" ");
      reasonError.hidden = !reasons.length;
      problem.textContent = answer.problem || "";
      problem.hidden = !answer.problem;
    }

    form.addEventListener("submit", async (event) => {
      if (event.submitter?.name === "embedded") return; // an ordinary form
      event.preventDefault();
      current?.finish("ended", "");
      refuse({});
      // Now or never: a window opened after an answer has no click behind it and is blocked.
      const opened = window.open(form.dataset.address, "_blank");
      if (!opened) {
        show("blocked");
        return;
      }
      const signIn = new SignIn(opened, form.dataset.origin, token);
      current = signIn;
      let reply;
      try {
        reply = await post(form.action, token, { reason: form.elements.reason.value });
      } catch {
        reply = { ok: false, answer: { problem: "The portal did not answer. Check your connection, then try again." } };
      }
      if (reply.ok) {
        signIn.began(reply.answer);
        return;
      }
      opened.close();
      signIn.finish("failed", "", reply.answer.problem || "Comet was not opened.");
      refuse(reply.answer);
    });
  }

  function watchFrame(embedded) {
    const frame = embedded.querySelector("iframe");
    const { origin, keyUrl, endUrl, username, expiresAt, token } = embedded.dataset;
    current = new SignIn(frame.contentWindow, origin, token);
    current.began({ key_url: keyUrl, end_url: endUrl, username, expires_at: expiresAt });
    frame.src = frame.dataset.src; // only now, so that its first word is heard
  }

  const form = document.querySelector("form[data-launch]");
  const embedded = document.querySelector("[data-embedded]");
  if (form) watchForm(form);
  if (embedded) watchFrame(embedded);
})();
