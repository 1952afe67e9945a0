// The chat page: who you are, two panes, and the sample morning.

import { Wire, ask, nonce } from "./wire.js";
import { face, fill, words } from "./draw.js";
import { Pane } from "./pane.js";
import { Compose, Outbox } from "./compose.js";
import { Player } from "./player.js";

const STAFF = ["micro_worker", "grid_worker", "community", "property", "department"];
const $ = (selector) => document.querySelector(selector);

class App {
  constructor() {
    this.assistant = document.body.dataset.assistant;
    this.who = "";
    this.outbox = new Outbox(this);
    this.panes = ["group", "private"].map((kind) => new Pane($(`#pane-${kind}`), this));
    for (const pane of this.panes) pane.compose = new Compose(pane, this);
    this.player = new Player(this);
    this.wire = new Wire({
      message: (chat, message) => this.pane(chat)?.put(message),
      play: (chat, state) => this.player.show(state),
      reset: () => this.enter(this.who),
      lost: () => { $("#offline").hidden = false; },
      found: () => { $("#offline").hidden = true; },
    });
    $("#retry").onclick = () => this.who ? (this.loaded ? this.wire.reconnect() : this.enter(this.who)) : location.reload();
    $("#me").onclick = () => $("#who").showModal();
    for (const button of document.querySelectorAll(".person")) button.onclick = () => { $("#who").close(); this.enter(button.dataset.who); };
    for (const tab of document.querySelectorAll("[role=tab]")) tab.onclick = () => this.show(tab.dataset.pane);
    $(".tabs").onkeydown = (event) => {
      if (["ArrowLeft", "ArrowRight"].includes(event.key)) this.show(this.shown === "group" ? "private" : "group", true);
    };
    this.readPlace();
    this.show("group");
    document.addEventListener("visibilitychange", () => { for (const pane of this.panes) if (pane.visible() && pane.atEnd()) pane.seen(); });
    const wanted = new URLSearchParams(location.search).get("who") || sessionStorage.getItem("minhu-who") || "";
    if (document.querySelector(`.person[data-who="${CSS.escape(wanted)}"]`)) this.enter(wanted);
    else $("#who").showModal();
    $("#who").addEventListener("cancel", (event) => { if (!this.who) event.preventDefault(); });
  }

  pane(chat) { return this.panes.find((pane) => pane.chat === chat); }

  sender() { return this.me; }

  async enter(who) {
    this.wire.close();
    const button = document.querySelector(`.person[data-who="${CSS.escape(who)}"]`);
    this.who = who;
    this.loaded = false;
    this.me = { id: who, name: button.dataset.name, role: button.dataset.role };
    this.dress();
    try {
      const state = await ask(`/chat/state?who=${encodeURIComponent(who)}`);
      if (this.who !== who) return;
      for (const view of state.chats) this.panes.find((pane) => pane.kind === view.kind).load(view, this.outbox.of(view.id));
      this.loaded = true;
      this.player.show(state.play);
      $("#offline").hidden = true;
      this.wire.follow(who, state.cursor);
    } catch {
      $("#offline").hidden = false;
      clearTimeout(this.again);
      this.again = setTimeout(() => { if (this.who === who && !this.loaded) this.enter(who); }, 3000);
    }
  }

  // the page shows who is speaking, everywhere
  dress() {
    sessionStorage.setItem("minhu-who", this.who);
    history.replaceState(null, "", `?who=${encodeURIComponent(this.who)}`);
    for (const button of document.querySelectorAll(".person")) button.setAttribute("aria-pressed", String(button.dataset.who === this.who));
    const picture = face(this.me, this.assistant);
    picture.setAttribute("aria-hidden", "true");
    $("#me .face").replaceWith(picture);
    $("#me .me-name").textContent = this.me.name;
    const kind = STAFF.includes(this.me.role) ? "staff" : "resident";
    for (const hint of document.querySelectorAll(".private-hint, .empty-private")) hint.textContent = hint.dataset[kind];
  }

  show(kind, focus = false) {
    this.shown = kind;
    for (const pane of this.panes) {
      const on = pane.kind === kind;
      pane.section.classList.toggle("shown", on);
      pane.tab.setAttribute("aria-selected", String(on));
      pane.tab.tabIndex = on ? 0 : -1;
      if (on && focus) pane.tab.focus();
      if (on) { pane.toEnd(); pane.showUnread(); }
    }
  }

  announce(sentence) { $("#status").textContent = sentence; }

  async press(pane, message, offered, button) {
    if (button.classList.contains("busy")) return;
    const all = [...button.closest(".buttons").querySelectorAll("button")];
    const release = () => { button.classList.remove("busy"); for (const one of all) one.removeAttribute("aria-disabled"); };
    button.classList.add("busy");
    for (const one of all) one.setAttribute("aria-disabled", "true");
    this.announce(words.pressing);
    try {
      await ask("/chat/presses", { who: this.who, chat: pane.chat, id: message.id, action: offered.action, nonce: nonce() });
      setTimeout(() => { if (button.isConnected) { release(); pane.compose.tell(""); this.announce(words.press_slow); } }, 6000);
    } catch (error) {
      release();
      pane.compose.tell(error.detail || words.failed);
    }
  }

  askPlace(compose) {
    this.placing = compose;
    this.point = null;
    const sheet = $("#place");
    sheet.querySelector("form").reset();
    sheet.querySelector(".located").textContent = "";
    sheet.querySelector(".locate").hidden = !("geolocation" in navigator);
    sheet.showModal();
  }

  readPlace() {
    const sheet = $("#place");
    const form = sheet.querySelector("form");
    const told = sheet.querySelector(".located");
    sheet.querySelector(".place-close").onclick = () => sheet.close();
    sheet.querySelector(".locate").onclick = () => {
      told.textContent = words.locating;
      navigator.geolocation.getCurrentPosition(
        ({ coords }) => {
          this.point = { lat: coords.latitude, long: coords.longitude };
          told.textContent = fill(words.located, { lat: coords.latitude.toFixed(4), long: coords.longitude.toFixed(4) });
        },
        () => { told.textContent = words.not_located; },
        { enableHighAccuracy: true, timeout: 10000 },
      );
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      const text = form.elements.words.value.trim();
      if (!text && !this.point) { told.textContent = words.place_needed; form.elements.words.focus(); return; }
      sheet.close();
      this.placing.send(text, [{ kind: "location", ...(this.point || {}) }]);
    };
  }
}

new App();
document.body.dataset.ready = "true";
