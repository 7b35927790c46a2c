// Stand-in for Comet's web interface: signs in by form, or by a message from the window that opened it,
// then shows who is signed in. Credentials travel in the bodies of its own API calls, never in a cookie.
"use strict";

const SHOWN_USERS = 12;
let session = null;

function element(id) {
  return document.getElementById(id);
}

async function call(path, fields) {
  const response = await fetch(path, { method: "POST", body: new URLSearchParams(fields) });
  if (response.status === 449) {
    throw new Error("This account needs its one-time code.");
  }
  let body = null;
  try {
    body = await response.json();
  } catch {
    throw new Error(`The server answered ${response.status} without a readable message.`);
  }
  const refused = body && body.Status >= 400 && body.Status < 5000 && "Message" in body;
  if (!response.ok || refused) {
    throw new Error(body && body.Message ? body.Message : `The server answered ${response.status}.`);
  }
  return body;
}

function withSession(fields) {
  return { Username: session.username, AuthType: "SessionKey", SessionKey: session.key, ...fields };
}

function showError(message) {
  element("error").textContent = message;
  element("error").hidden = !message;
}

function showForm() {
  session = null;
  element("sign-in").hidden = false;
  element("home").hidden = true;
  element("sign-out").hidden = true;
}

function showUsers(profiles) {
  const rows = profiles.slice(0, SHOWN_USERS).map((profile) => {
    const row = document.createElement("tr");
    const devices = Object.values(profile.Devices || {}).map((device) => device.FriendlyName);
    for (const text of [profile.Username, profile.AccountName, devices.join(", ")]) {
      row.insertCell().textContent = text;
    }
    return row;
  });
  element("users").replaceChildren(...rows);
  const hidden = profiles.length - rows.length;
  element("more").textContent = hidden > 0 ? `And ${hidden} more.` : "";
}

async function showAdmin() {
  const properties = await call("/api/v1/admin/account/properties", withSession({}));
  const profiles = await call("/api/v1/admin/list-users-full", withSession({}));
  let role = "server administrator";
  if (properties.OrganizationID) {
    const branding = await (await fetch("/gen/branding.props")).json();
    role = `administrator of ${branding.BrandName}`;
  }
  showUsers(Object.values(profiles));
  return role;
}

async function showEndUser() {
  const answer = await call("/api/v1/user/web/get-user-profile-and-hash", withSession({}));
  showUsers([answer.Profile]);
  return "end user";
}

async function enter(username, key, kind, by) {
  session = { username, key, kind };
  showError("");
  try {
    const role = kind === "admin" ? await showAdmin() : await showEndUser();
    element("who").textContent = `Signed in as ${username}, ${role}`;
    element("role").textContent = role;
    element("by").textContent = by;
    element("sign-in").hidden = true;
    element("home").hidden = false;
    element("sign-out").hidden = false;
  } catch (error) {
    showForm();
    showError(`Sign-in refused: ${error.message}`);
  }
}

async function submitForm(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const totp = form.get("totp").trim();
  const username = form.get("username");
  const credentials = {
    Username: username,
    AuthType: totp ? "PasswordTOTP" : "Password",
    Password: form.get("password"),
    TOTP: totp,
  };
  try {
    const answer = await call("/api/v1/hybrid/session/start", credentials);
    event.target.reset();
    await enter(username, answer.SessionKey, answer.SessionType, "password");
  } catch (error) {
    showError(`Sign-in refused: ${error.message}`);
  }
}

async function signOut() {
  const path = session.kind === "admin" ? "/api/v1/admin/account/session-revoke" : "/api/v1/user/web/session/revoke";
  try {
    await call(path, withSession({}));
  } finally {
    showForm();
  }
}

function onMessage(event) {
  const message = event.data;
  if (!message || typeof message !== "object") {
    return;
  }
  const kinds = { session_login: "admin", user_session_login: "user" };
  const kind = kinds[message.msg];
  if (kind && typeof message.username === "string" && typeof message.sessionkey === "string") {
    enter(message.username, message.sessionkey, kind, `${message.msg} message`);
  }
}

async function showBrand() {
  const branding = await (await fetch("/gen/branding.props")).json();
  element("brand").textContent = branding.BrandName;
  document.title = `${branding.BrandName}: emulated web interface`;
}

element("sign-in").addEventListener("submit", submitForm);
element("sign-out").addEventListener("click", signOut);
window.addEventListener("message", onMessage);
showBrand();

const launcher = window.opener || (window.parent !== window ? window.parent : null);
if (launcher) {
  launcher.postMessage({ msg: "app_loaded" }, "*");
}
