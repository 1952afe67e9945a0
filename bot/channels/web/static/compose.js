// Writing: text, photo, place, quote, change. What was not sent stays on the page until it is.

import { ask, nonce } from "./wire.js";
import { fill, gist, words } from "./draw.js";

const MAX_PHOTO = 10 * 1024 * 1024;
const PHOTO_TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];

export class Compose {
  constructor(pane, app) {
    this.pane = pane;
    this.app = app;
    this.form = pane.section.querySelector(".compose");
    this.text = this.form.elements.text;
    this.context = this.form.querySelector(".context");
    this.picked = this.form.querySelector(".picked");
    this.wrong = this.form.querySelector(".wrong");
    this.quoted = this.edited = this.photo = null;
    this.max = Number(document.body.dataset.max);
    this.form.onsubmit = (event) => { event.preventDefault(); this.submit(); };
    this.text.onkeydown = (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.submit(); }
      if (event.key === "Escape") this.reset();
    };
    this.text.oninput = () => this.tell("");
    this.text.onpaste = (event) => { const file = event.clipboardData?.files[0]; if (file) { event.preventDefault(); this.pick(file); } };
    this.form.elements.photo.onchange = (event) => { if (event.target.files[0]) this.pick(event.target.files[0]); };
    this.form.querySelector(".context-drop").onclick = () => this.reset();
    this.form.querySelector(".picked-drop").onclick = () => this.unpick();
    this.form.querySelector(".place").onclick = () => this.app.askPlace(this);
  }

  tell(sentence) {
    this.wrong.hidden = !sentence;
    this.wrong.textContent = sentence;
    this.text.setAttribute("aria-invalid", String(Boolean(sentence)));
  }

  quote(message) {
    this.edited = null;
    this.quoted = message;
    this.showContext(words.quote, message);
  }

  edit(message) {
    this.quoted = null;
    this.edited = message;
    this.text.value = message.text;
    this.showContext(words.edit, message);
  }

  showContext(what, message) {
    this.context.hidden = false;
    this.context.firstElementChild.textContent = `${what} ${fill(words.says, { name: message.sender.name, text: gist(message) })}`;
    this.text.focus();
  }

  reset() {
    if (this.edited) this.text.value = "";
    this.quoted = this.edited = null;
    this.context.hidden = true;
    this.tell("");
  }

  pick(file) {
    this.form.elements.photo.value = "";
    if (!PHOTO_TYPES.includes(file.type)) return this.tell(words.not_a_photo);
    if (file.size > MAX_PHOTO) return this.tell(words.too_big);
    this.unpick();
    this.photo = { file, preview: URL.createObjectURL(file) };
    this.picked.querySelector("img").src = this.photo.preview;
    this.picked.hidden = false;
    this.tell("");
    this.text.focus();
  }

  unpick() {
    this.photo = null;
    this.picked.hidden = true;
    this.picked.querySelector("img").removeAttribute("src");
  }

  submit() {
    const text = this.text.value.trim();
    const count = [...text].length;
    if (count > this.max) return this.tell(fill(words.too_long, { limit: this.max, count }));
    if (!text && !this.photo) return;
    if (this.edited) return this.sendEdit(text);
    const media = this.photo ? [{ kind: "photo", preview: this.photo.preview }] : [];
    this.send(text, media, this.photo?.file);
    this.text.value = "";
    this.unpick();
    this.reset();
  }

  /** Shows the message at once and sends it; a failed one stays and can be sent again. */
  send(text, media = [], file = null) {
    const own = nonce();
    const quote = this.quoted && { id: this.quoted.id, name: this.quoted.sender.name, text: gist(this.quoted), card_id: this.quoted.card_id };
    const message = {
      id: `${this.app.who}.${own}`, nonce: own, sender: this.app.sender(), at: new Date().toISOString(), text, quote, media, file,
      buttons: [], card_id: "", version: 0, edited: false, state: "", urgency: "", pending: "sending",
    };
    this.reset();
    this.pane.put(message, true);
    return this.deliver(message);
  }

  again(message) {
    const trying = { ...message, pending: "sending", why: "" };
    this.pane.put(trying, true);
    return this.deliver(trying);
  }

  async deliver(message) {
    const { who } = this.app;
    const { chat } = this.pane;
    this.app.outbox.keep(chat, message);
    try {
      const media = [];
      for (const one of message.media) {
        if (one.kind === "photo" && !one.ref) {
          const kept = await ask(`/chat/photos?who=${encodeURIComponent(who)}`, message.file, true);
          Object.assign(one, kept);
        }
        const { preview, ...sent } = one;
        media.push(sent);
      }
      const shown = await ask("/chat/messages", { who, chat, nonce: message.nonce, text: message.text, reply_to: message.quote?.id || "", media });
      this.app.outbox.drop(chat, message.id);
      if (chat === this.pane.chat) this.pane.put(shown, true);
    } catch (error) {
      // what can never be taken is handed back to the writer, what may be taken later stays in the chat
      if (error.retryable || !error.code) {
        if (chat === this.pane.chat) this.pane.put({ ...message, pending: "failed", why: error.detail || words.failed }, true);
      } else {
        this.app.outbox.drop(chat, message.id);
        this.pane.drop(message.id);
        this.text.value = message.text;
        this.tell(error.detail || words.failed);
      }
    }
  }

  async sendEdit(text) {
    const { edited } = this;
    try {
      const shown = await ask("/chat/edits", { who: this.app.who, chat: this.pane.chat, id: edited.id, text });
      this.pane.put(shown, true);
      this.reset();
    } catch (error) {
      this.tell(error.detail || words.failed);
    }
  }
}

/** Messages on their way, kept over a reload of the page. Photos not yet uploaded cannot be kept. */
export class Outbox {
  constructor(app) { this.app = app; }

  get key() { return `minhu-outbox:${this.app.who}`; }

  all() {
    try { return JSON.parse(sessionStorage.getItem(this.key) || "[]"); } catch { return []; }
  }

  keep(chat, message) {
    if (message.media.some((one) => one.kind === "photo" && !one.ref)) return;
    const { file, ...plain } = message;
    this.store([...this.all().filter((one) => one.message.id !== message.id), { chat, message: { ...plain, pending: "failed" } }]);
  }

  drop(chat, id) { this.store(this.all().filter((one) => one.message.id !== id)); }

  of(chat) { return this.all().filter((one) => one.chat === chat).map((one) => one.message); }

  store(list) {
    try { sessionStorage.setItem(this.key, JSON.stringify(list)); } catch { /* private mode: the page still works */ }
  }
}
