// Draws a message. Text only ever enters the page as text nodes.

const said = JSON.parse(document.getElementById("said").textContent);
export const words = said.words;

export const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `/chat/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

// the same picture on every machine, also where no emoji font is installed
const PICTOGRAPH = /^(\p{Extended_Pictographic})\uFE0F?\s*/u;
const PICTURES = { "👍": "up", "👎": "down", "✅": "check", "✔": "check", "❌": "close", "📍": "pin", "✏": "edit", "↩": "quote" };
const TONES = {
  candidate: "waiting", need_info: "waiting", callback: "waiting", returned: "waiting", extension_requested: "waiting",
  accepted: "running", dispatched: "running", signed: "running", in_progress: "running", escalated: "running", reopened: "running",
  done: "settled", self_handled: "settled", archived: "settled",
  rejected: "ended", merged: "ended", declined: "ended", transferred: "ended",
};
const clock = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false });
const dates = new Intl.DateTimeFormat("zh-CN", { month: "long", day: "numeric", weekday: "short" });

export function dayName(at) {
  const day = new Date(at).toDateString();
  const now = new Date();
  if (day === now.toDateString()) return words.today;
  now.setDate(now.getDate() - 1);
  return day === now.toDateString() ? words.yesterday : dates.format(new Date(at));
}

export function face(sender, assistant) {
  if (sender.id === assistant) {
    const made = element("span", "face tone-bot");
    made.append(icon("heard"));
    return made;
  }
  const known = said.faces[sender.id] || { face: sender.name.slice(0, 1), tone: 7 };
  return element("span", `face tone-${known.tone}`, known.face);
}

/** What a message says in one line, for quotes and for screen readers. */
export function gist(message) {
  const text = message.text.trim().split("\n")[0];
  if (text) return text;
  return message.media[0]?.kind === "location" ? words.place : words.photo;
}

/** `context`: {me, assistant, follows, pending}; `acts`: {quote, edit, press, again, find}. */
export function drawMessage(message, context, acts) {
  const bot = message.sender.id === context.assistant;
  const mine = message.sender.id === context.me;
  const item = element("li", "message");
  item.dataset.id = message.id;
  item.classList.toggle("mine", mine);
  item.classList.toggle("bot", bot);
  item.classList.toggle("follows", context.follows);
  if (context.pending) item.classList.add(context.pending);
  const avatar = face(message.sender, context.assistant);
  avatar.setAttribute("aria-hidden", "true");
  const body = element("div", "body");
  body.append(message.card_id ? drawCard(message, acts) : drawBubble(message, acts));
  const foot = drawFoot(message, context, acts);
  if (foot.childNodes.length) body.append(foot);
  if (!context.pending) body.append(drawActs(message, mine, acts));
  item.append(avatar, drawBy(message, bot), body);
  return item;
}

function drawBy(message, bot) {
  const by = element("div", "by");
  by.append(element("span", "", message.sender.name));
  if (!bot && message.sender.role && message.sender.role !== "resident") by.append(element("span", "tag", words.roles[message.sender.role] || ""));
  const time = element("time", "", clock.format(new Date(message.at)));
  time.dateTime = message.at;
  by.append(time);
  return by;
}

function drawFoot(message, context, acts) {
  const foot = element("div", "foot");
  if (message.edited) foot.append(element("span", "", words.edited));
  if (context.pending === "sending") foot.append(element("span", "", words.sending));
  if (context.pending === "failed") {
    foot.append(element("span", "wrong", message.why || words.failed));
    const again = element("button", "button plain", words.again);
    again.type = "button";
    again.onclick = () => acts.again(message);
    foot.append(again);
  }
  return foot;
}

function drawActs(message, mine, acts) {
  const row = element("div", "acts");
  const offered = [["quote", words.quote, () => acts.quote(message)]];
  if (mine && message.text) offered.push(["edit", words.edit, () => acts.edit(message)]);
  for (const [name, label, act] of offered) {
    const button = element("button", "button plain", label);
    button.type = "button";
    button.dataset.act = name;
    button.onclick = act;
    row.append(button);
  }
  return row;
}

function drawBubble(message, acts) {
  const bubble = element("div", "bubble");
  if (message.quote) bubble.append(drawQuote(message.quote, acts));
  for (const media of message.media) bubble.append(media.kind === "location" ? drawPlace(media, message.text) : drawPicture(media, message));
  if (message.text && message.media[0]?.kind !== "location") bubble.append(withLinks(element("p"), message.text));
  if (message.buttons.length) bubble.append(drawButtons(message, acts));
  return bubble;
}

function drawQuote(quote, acts) {
  const button = element("button", "quoted", fill(words.says, { name: quote.name, text: quote.text || words.photo }));
  button.type = "button";
  button.onclick = () => acts.find(quote.id);
  return button;
}

function drawPicture(media, message) {
  const picture = element("img", media.height > media.width ? "picture tall" : "picture");
  picture.alt = fill(words.photo_alt, { name: message.sender.name });
  if (media.width) { picture.width = media.width; picture.height = media.height; }
  picture.loading = "lazy";
  picture.src = media.preview || `/chat/photos/${media.ref}`;
  return picture;
}

function drawPlace(media, text) {
  const spot = element("span", "spot");
  spot.append(icon("pin"), element("span", "", text || words.place));
  if (media.lat != null) spot.append(element("small", "", `${media.lat.toFixed(4)}, ${media.long.toFixed(4)}`));
  return spot;
}

/** Web addresses become links; everything else stays text. */
function withLinks(into, text) {
  let from = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>"'，。；、）》]+/g)) {
    into.append(text.slice(from, found.index));
    const link = element("a", "", found[0]);
    link.href = found[0];
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    into.append(link);
    from = found.index + found[0].length;
  }
  into.append(text.slice(from));
  return into;
}

function drawCard(message, acts) {
  const card = element("article", "card");
  const tone = message.urgency === "emergency" ? "alarm" : TONES[message.state];
  if (tone) card.classList.add(`is-${tone}`);
  const text = element("div", "card-text");
  const chips = element("div", "chips");
  if (message.state) chips.append(element("span", `chip is-${TONES[message.state] || "ended"}`, words.states[message.state] || message.state));
  const urgency = words.urgency[message.urgency];
  if (urgency) chips.append(element("span", `chip ${message.urgency === "emergency" ? "is-alarm" : "is-hurry"}`, urgency));
  if (chips.childNodes.length) text.append(chips);
  const [title, ...rest] = message.text.split("\n");
  text.append(element("h3", "", title.replace(PICTOGRAPH, "")));
  drawLines(text, rest);
  card.append(text);
  const steps = drawSteps(message.state);
  if (steps) card.append(steps);
  if (message.buttons.length) card.append(drawButtons(message, acts));
  return card;
}

// lines "label：value" with a short label become a table, as a reader expects of a form
function drawLines(into, lines) {
  let table = null;
  for (const line of lines) {
    const cut = line.indexOf("：");
    if (cut > 0 && cut <= 5 && line.length > cut + 1) {
      if (!table) into.append(table = element("dl"));
      table.append(element("dt", "", line.slice(0, cut)), withLinks(element("dd"), line.slice(cut + 1)));
    } else if (line.trim()) {
      table = null;
      into.append(withLinks(element("p"), line));
    }
  }
}

function drawSteps(state) {
  const at = words.steps.findIndex((step) => step.states.includes(state));
  if (at < 0) return null;
  const list = element("ol", "steps");
  list.setAttribute("aria-label", words.progress_label);
  const settled = at === words.steps.length - 1;
  words.steps.forEach((step, number) => {
    const item = element("li", "step", step.name);
    if (number < at || settled) item.classList.add("past");
    if (number === at) { item.classList.add("now"); item.setAttribute("aria-current", "step"); }
    list.append(item);
  });
  return list;
}

function drawButtons(message, acts) {
  const all = element("div", "buttons");
  for (const row of message.buttons) {
    const line = element("div", "row");
    for (const offered of row) {
      const picture = PICTURES[offered.label.match(PICTOGRAPH)?.[1]];
      const label = picture ? offered.label.replace(PICTOGRAPH, "") : offered.label;
      // the one step forward stands out; what is a matter of opinion is offered evenly
      const made = element(offered.url ? "a" : "button", picture === "check" ? "button first" : "button", label);
      if (picture) made.prepend(icon(picture));
      if (offered.url) {
        if (/^https?:\/\//.test(offered.url)) made.href = offered.url;
        made.target = "_blank";
        made.rel = "noopener noreferrer";
      } else {
        made.type = "button";
        made.dataset.action = offered.action;
        made.onclick = () => acts.press(message, offered, made);
      }
      line.append(made);
    }
    all.append(line);
  }
  return all;
}
