// The sample morning: starts a run on the server and shows how far it is.

import { ask, nonce } from "./wire.js";
import { words } from "./draw.js";

export class Player {
  constructor(app) {
    this.app = app;
    this.box = document.getElementById("player");
    this.button = document.getElementById("play");
    this.panel = this.box.querySelector(".playing");
    this.bar = this.box.querySelector("progress");
    this.count = this.box.querySelector(".count");
    this.state = { state: "idle", run: "" };
    this.button.onclick = () => this.start();
    document.getElementById("stop").onclick = () => this.stop();
  }

  async start() {
    // one press is one run, however often it has to be asked for
    this.run ||= nonce();
    this.button.disabled = true;
    try {
      await ask("/chat/play", { run: this.run });
      this.run = "";
      this.app.show("group");
    } catch (error) {
      this.app.announce(error.detail);
    } finally {
      this.button.disabled = false;
    }
  }

  async stop() {
    try { this.show(await ask("/chat/play/stop", {})); } catch (error) { this.app.announce(error.detail); }
  }

  show(state) {
    const finished = this.state.state === "playing" && state.state === "done";
    this.state = state;
    const playing = state.state === "playing";
    this.box.dataset.state = state.state;
    this.button.hidden = playing;
    this.panel.hidden = !playing;
    this.bar.max = state.total || 1;
    this.bar.value = state.sent || 0;
    this.count.textContent = `${state.sent}/${state.total}`;
    if (finished) this.app.announce(words.play_done);
  }
}
