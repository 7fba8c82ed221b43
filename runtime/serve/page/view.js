// How a message, an error and the figures of an answer look.

const time = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`);
const count = (n) => n.toLocaleString("en");
const plural = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;

/** "First token 42 ms · 118 tokens/s · 64 tokens · prompt 23, 16 cached" */
function speedParts(stats) {
  const parts = [];
  if (stats.first) parts.push(`First token ${time(stats.first)}`);
  if (stats.rate) parts.push(`${stats.rate < 10 ? stats.rate.toFixed(1) : count(Math.round(stats.rate))} tokens/s`);
  if (stats.output) parts.push(plural(stats.output, "token"));
  if (stats.prompt) parts.push(`prompt ${count(stats.prompt)}${stats.cached ? `, ${count(stats.cached)} cached` : ""}`);
  return parts;
}

function showSpeed(target, stats) {
  target.replaceChildren(...speedParts(stats ?? {}).map((part) => element("span", {}, part)));
}

/** Reasoning that a model writes before its answer, apart from the answer. */
function splitThinking(text) {
  const open = /^\s*<think>\n?/.exec(text);
  if (!open) return { thinking: "", said: text, thinks: false };
  const end = text.indexOf("</think>", open[0].length);
  return end < 0 ? { thinking: text.slice(open[0].length), said: "", thinks: true }
    : { thinking: text.slice(open[0].length, end).trimEnd(), said: text.slice(end + 8).trimStart(), thinks: false };
}

function showAnswer(article, message) {
  const { thinking, said, thinks } = splitThinking(message.content);
  const text = article.querySelector(".text");
  let box = article.querySelector("details.thinking");
  if (thinking && !box) {
    box = element("details", { class: "thinking" }, element("summary"), element("div", { class: "said" }));
    text.before(box);
  }
  if (box) {
    box.querySelector("summary").textContent = thinks ? "Thinking" : "Thoughts";
    box.querySelector(".said").textContent = thinking;
  }
  markdown.show(text, said);
  showSpeed(article.querySelector(".speed"), message.stats);
}

/** An error with its way out. `again` may be null. */
function troubleCard(failure, again) {
  const card = element("div", { class: "trouble", role: "group", "aria-label": failure.title }, icon("alert"));
  const body = element("div", {}, element("strong", {}, failure.title), failure.detail ? element("p", {}, failure.detail) : null);
  card.append(body);
  if (!again) return card;
  const button = element("button", { type: "button", class: "main again", onclick: again }, failure.kind === "key" ? "Give a key" : "Try again");
  body.append(element("div", { class: "row" }, button));
  let left = Math.ceil(failure.retryAfter ?? 0);
  const tick = () => {
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Try again in ${left} s` : "Try again";
    if (left-- > 0) setTimeout(tick, 1000);
  };
  if (left > 0) tick();
  return card;
}

/** One message of the log. `does`: what its buttons do. */
function messageElement(message, does) {
  const mine = message.role === "user";
  const text = element("div", { class: "text" });
  const article = element("article", { class: `message ${message.role}`, "aria-label": mine ? "You" : "Answer", "data-id": message.id });
  const copy = iconButton("copy", "Copy", async () => {
    await copyText(mine ? message.content : splitThinking(message.content).said);
    copy.replaceChildren(icon("done"));
    setTimeout(() => copy.replaceChildren(icon("copy")), 1500);
  });
  const actions = element("div", { class: "actions" });
  if (message.content) actions.append(copy, iconButton("edit", "Edit", () => does.edit(message)));
  if (!mine) actions.append(iconButton("again", "Answer again", () => does.again(message)));
  actions.append(iconButton("trash", "Delete", () => does.remove(message)));
  const under = element("div", { class: "under" }, actions, mine ? null : element("div", { class: "speed" }));
  article.append(text, under);
  if (mine) text.textContent = message.content;
  else showAnswer(article, message);
  if (message.failure) {
    text.hidden = !message.content;
    under.before(troubleCard(message.failure, () => does.again(message)));
  } else if (message.stats?.finish === "length") {
    under.before(element("p", { class: "note" }, "The answer ends here because of the limit on its length. ",
      element("button", { type: "button", onclick: () => does.goOn(message) }, "Go on")));
  } else if (message.stats?.finish === "stopped") {
    under.before(element("p", { class: "note" }, message.content ? "Stopped." : "Stopped before the first word."));
  }
  return article;
}

/** In place of a message's text: a box to change it in. `done(text)`; null: left as it was. */
function editBox(message, done) {
  const area = element("textarea", { "aria-label": "Change the message" });
  const finish = (text) => done(text === null || text.trim() === "" ? null : text);
  area.value = message.content;
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      finish(null);
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && message.role === "user") {
      event.preventDefault();
      finish(area.value);
    }
  });
  return element("div", { class: "editing" }, area,
    element("div", { class: "row" }, element("button", { type: "button", class: "quiet", onclick: () => finish(null) }, "Cancel"),
      element("button", { type: "button", class: "main", onclick: () => finish(area.value) }, message.role === "user" ? "Send" : "Save")));
}

/** "Today", "Yesterday", ... for the list of chats. */
function dayOf(moment) {
  const midnight = new Date().setHours(0, 0, 0, 0), day = 86400000;
  if (moment >= midnight) return "Today";
  if (moment >= midnight - day) return "Yesterday";
  if (moment >= midnight - 7 * day) return "Last 7 days";
  return "Earlier";
}
