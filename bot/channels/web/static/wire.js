// Talks with the server: what is sent is repeatable (same nonce, same message), what comes is followed by cursor.

export const nonce = () => crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

/** Resolves to the answer; rejects with {code, detail, retryable}. */
export async function ask(path, body, raw = false) {
  const options = body === undefined ? {} : { method: "POST", body: raw ? body : JSON.stringify(body) };
  if (body !== undefined && !raw) options.headers = { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw { code: "offline", detail: "", retryable: true };
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw { code: found.code || "unknown", detail: found.detail || "", retryable: found.retryable ?? answer.status >= 500 };
  return found;
}

/** Follows the changes of a person's chats. EventSource reconnects by itself with the last id; when the server refuses
 *  outright it gives up, so we start again with the cursor we hold. */
export class Wire {
  constructor(hooks) {
    this.hooks = hooks;
    this.cursor = "";
    this.who = "";
    this.wait = 0;
    this.hiddenAt = 0;
    addEventListener("online", () => this.reconnect());
    addEventListener("offline", () => hooks.lost());
    document.addEventListener("visibilitychange", () => this.rest());
  }

  follow(who, cursor) {
    this.who = who;
    this.cursor = cursor;
    this.open();
  }

  open() {
    this.close();
    const source = new EventSource(`/chat/stream?who=${encodeURIComponent(this.who)}&after=${encodeURIComponent(this.cursor)}`);
    this.source = source;
    source.onopen = () => { this.wait = 0; this.hooks.found(); };
    source.onerror = () => {
      // a stream that ends and comes back within a moment is no news for a reader
      clearTimeout(this.alarm);
      this.alarm = setTimeout(() => { if (source.readyState !== EventSource.OPEN && this.source === source) this.hooks.lost(); }, 900);
      if (source.readyState === EventSource.CLOSED) this.later();
    };
    for (const kind of ["message", "play"]) {
      source.addEventListener(kind, (event) => {
        if (event.lastEventId) this.cursor = event.lastEventId;
        const told = JSON.parse(event.data);
        this.hooks[kind](told.chat, told[kind]);
      });
    }
    source.addEventListener("reset", () => { this.close(); this.hooks.reset(); });
  }

  later() {
    this.wait = Math.min(15000, this.wait ? this.wait * 2 : 1000);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), this.wait * (0.75 + Math.random() / 2));
  }

  reconnect() {
    this.wait = 0;
    if (this.who) this.open();
  }

  // browsers allow six connections a site: a tab nobody sees gives its own back, and catches up when it is looked at
  rest() {
    clearTimeout(this.resting);
    if (document.hidden) this.resting = setTimeout(() => this.close(), 20000);
    else if (this.who && !this.source) this.open();
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
