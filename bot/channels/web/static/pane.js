// One chat on the page: its messages, what is unread, and where the reader stands.

import { ask } from "./wire.js";
import { dayName, drawMessage, fill, gist, words } from "./draw.js";

const NEAR = 90;
const TOGETHER_MS = 3 * 60 * 1000;

export class Pane {
  constructor(section, app) {
    this.section = section;
    this.kind = section.dataset.kind;
    this.app = app;
    this.log = section.querySelector(".log");
    this.list = section.querySelector(".messages");
    this.blank = section.querySelector(".empty");
    this.jump = section.querySelector(".jump");
    this.earlier = section.querySelector(".earlier");
    this.tab = document.getElementById(`tab-${this.kind}`);
    this.messages = new Map();
    this.unread = 0;
    this.chat = "";
    this.jump.onclick = () => this.toEnd(true);
    this.earlier.onclick = () => this.loadEarlier();
    this.log.addEventListener("scroll", () => { if (this.atEnd()) this.seen(); }, { passive: true });
    this.list.addEventListener("click", (event) => this.toggleActs(event));
    new ResizeObserver(() => { if (this.stuck) this.toEnd(); }).observe(this.log);
    this.stuck = true;
  }

  load(view, pending) {
    this.chat = view.id;
    this.messages.clear();
    this.unread = 0;
    for (const message of [...view.messages, ...pending]) this.messages.set(message.id, message);
    this.earlier.hidden = !view.more;
    // a whole chat is not news: a screen reader is not read all of it
    this.log.setAttribute("aria-live", "off");
    this.redraw();
    this.toEnd();
    requestAnimationFrame(() => { this.log.setAttribute("aria-live", "polite"); this.toEnd(); });
    this.showUnread();
  }

  redraw() {
    const all = [...this.messages.values()];
    this.list.replaceChildren(...all.flatMap((message, number) => this.drawn(message, all[number - 1])));
    this.blank.hidden = all.length > 0;
  }

  drawn(message, before) {
    const newDay = !before || dayName(before.at) !== dayName(message.at);
    const follows = !newDay && before.sender.id === message.sender.id && !before.card_id && !message.card_id
      && new Date(message.at) - new Date(before.at) < TOGETHER_MS;
    const item = drawMessage(message, { me: this.app.who, assistant: this.app.assistant, follows, pending: message.pending }, this.acts());
    if (!newDay) return [item];
    const day = document.createElement("li");
    day.className = "day";
    day.textContent = dayName(message.at);
    return [day, item];
  }

  acts() {
    return {
      quote: (message) => this.compose.quote(message),
      edit: (message) => this.compose.edit(message),
      again: (message) => this.compose.again(message),
      press: (message, button, element) => this.app.press(this, message, button, element),
      find: (id) => this.find(id),
    };
  }

  put(message, own = false) {
    const standing = this.messages.get(message.id);
    if (standing && !standing.pending && standing.version >= message.version) return;
    const wasAtEnd = this.atEnd();
    const old = standing && this.list.querySelector(`[data-id="${CSS.escape(message.id)}"]`);
    if (old) {
      const all = [...this.messages.keys()];
      const before = this.messages.get(all[all.indexOf(message.id) - 1]);
      this.messages.set(message.id, message);
      const item = this.drawn(message, before).at(-1);
      if (old.contains(document.activeElement)) item.dataset.focus = document.activeElement.dataset.action || "";
      old.replaceWith(item);
      if (item.dataset.focus !== undefined) (item.querySelector(".buttons .button") || this.log).focus({ preventScroll: true });
      if (message.card_id && !own) this.app.announce(`${words.states[message.state] || ""} ${gist(message)}`);
    } else {
      const before = [...this.messages.values()].at(-1);
      this.messages.set(message.id, message);
      this.list.append(...this.drawn(message, before));
    }
    this.blank.hidden = true;
    if (own || (wasAtEnd && this.visible())) this.toEnd();
    if (!own && !(this.visible() && wasAtEnd) && message.sender.id !== this.app.who) this.count();
  }

  drop(id) {
    this.messages.delete(id);
    this.redraw();
  }

  count() {
    this.unread += 1;
    this.showUnread();
  }

  seen() {
    this.unread = 0;
    this.showUnread();
  }

  showUnread() {
    const badge = this.tab.querySelector(".badge");
    badge.hidden = !this.unread;
    badge.textContent = this.unread > 99 ? "99+" : this.unread;
    badge.setAttribute("aria-label", fill(words.unread, { count: this.unread }));
    this.jump.hidden = !this.unread || !this.visible();
    this.jump.lastElementChild.textContent = fill(words.new_messages, { count: this.unread });
  }

  visible() {
    return this.section.offsetParent !== null && !document.hidden;
  }

  atEnd() {
    this.stuck = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR;
    return this.stuck;
  }

  toEnd(smooth = false) {
    this.log.scrollTo({ top: this.log.scrollHeight, behavior: smooth ? "smooth" : "instant" });
    this.stuck = true;
    if (this.visible()) this.seen();
  }

  async loadEarlier() {
    const first = this.messages.keys().next().value;
    const path = `/chat/earlier?who=${encodeURIComponent(this.app.who)}&chat=${encodeURIComponent(this.chat)}&before=${encodeURIComponent(first)}`;
    try {
      const found = await ask(path);
      const height = this.log.scrollHeight;
      this.messages = new Map([...found.messages.map((message) => [message.id, message]), ...this.messages]);
      this.earlier.hidden = !found.more;
      this.redraw();
      this.log.scrollTop += this.log.scrollHeight - height;
    } catch (error) {
      this.app.announce(error.detail);
    }
  }

  find(id) {
    const item = this.list.querySelector(`[data-id="${CSS.escape(id)}"]`);
    if (!item) return;
    item.scrollIntoView({ block: "center", behavior: "smooth" });
    item.classList.remove("found");
    requestAnimationFrame(() => item.classList.add("found"));
  }

  // on a touch screen a tap on a message offers what can be done with it
  toggleActs(event) {
    const item = event.target.closest(".message");
    const open = this.list.querySelector(".message.open");
    if (open && open !== item) open.classList.remove("open");
    if (!item || event.target.closest("button, a")) { item?.classList.remove("open"); return; }
    if (!String(getSelection())) item.classList.toggle("open");
  }
}
