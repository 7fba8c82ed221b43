// The page: chats, the one that is shown, and answers that are being written. An answer goes on when another chat is opened.

const scroll = byId("scroll"), log = byId("log"), input = byId("input");
const identity = () => Date.now().toString(36) + Math.random().toString(36).slice(2, 10);
const freshChat = () => ({ id: identity(), title: "", time: Date.now(), messages: [] });
const say = (text) => (byId("status").textContent = text);

let chats = store.chats();
let current = chats.find((chat) => chat.id === store.get("current", sessionStorage)) ?? freshChat();
let model = null;
let atEnd = true;
const running = new Map(); // chat id -> {controller, message, draw}

// --- Showing -------------------------------------------------------------------------------------

function titleOf(text) {
  const line = text.trim().split("\n")[0];
  return line.length > 80 ? `${line.slice(0, 79).trimEnd()}…` : line;
}

function keep(chat) {
  chat.time = Date.now();
  if (!chat.title) chat.title = titleOf(chat.messages[0]?.content ?? "");
  if (!chats.includes(chat)) chats.unshift(chat);
  chats.sort((a, b) => b.time - a.time);
  while (!store.keepChat(chat) && chats.length > 1 && chats.at(-1) !== chat) store.dropChat(chats.pop().id); // the store is full
  drawChats();
}

function drawChats() {
  let day = "";
  const rows = [];
  for (const chat of chats) {
    if (dayOf(chat.time) !== day) rows.push(element("li", { class: "when" }, (day = dayOf(chat.time))));
    const here = chat === current;
    rows.push(element("li", { class: here ? "chat current" : "chat" },
      element("button", { type: "button", class: "open", "aria-current": here ? "true" : null, title: chat.title, onclick: () => openChat(chat) }, chat.title || "Chat"),
      running.has(chat.id) ? element("span", { class: "dot busy", role: "img", "aria-label": "An answer is being written" })
        : iconButton("trash", `Delete the chat: ${chat.title}`, () => deleteChat(chat))));
  }
  byId("chats").replaceChildren(...rows);
}

function drawLog() {
  const busy = running.get(current.id);
  byId("hello").hidden = current.messages.length > 0;
  log.replaceChildren(...current.messages.map((message) => messageElement(message, does)));
  log.lastElementChild?.classList.add("last");
  if (busy) articleOf(busy.message)?.classList.add("running");
  byId("title").textContent = current.title || "New chat";
  document.title = current.title ? `${current.title} – Axiom` : "Axiom";
  drawButtons();
  follow();
}

function drawButtons() {
  const busy = running.has(current.id);
  byId("stop").hidden = !busy;
  byId("send").hidden = busy;
  byId("send").disabled = input.value.trim() === "";
}

function drawSummary() {
  const names = { temperature: "temperature", seed: "seed", max_tokens: "at most", top_p: "top p", top_k: "top k", min_p: "min p" };
  const set = settings.fields();
  const parts = Object.entries(set).filter(([name]) => names[name]).map(([name, value]) => `${names[name]} ${value}`);
  if (Object.keys(set).length > parts.length) parts.push("penalties");
  if (settings.system()) parts.unshift("system prompt");
  byId("summary").replaceChildren(icon("tune"), element("span", {}, parts.join(" · ") || "Settings"));
  byId("summary").setAttribute("aria-label", parts.length ? `Settings: ${parts.join(", ")}` : "Settings");
}

const articleOf = (message) => log.querySelector(`[data-id="${message.id}"]`);

function follow() {
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  byId("down").hidden = atEnd;
}

function growInput() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
  drawButtons();
}

// --- Answers -------------------------------------------------------------------------------------

/** Asks the server to answer the chat up to and without `message`, which becomes the answer. `goesOn`: the answer is continued. */
async function answer(chat, message, goesOn = false) {
  const controller = new AbortController();
  const before = chat.messages.slice(0, chat.messages.indexOf(message)).filter((m) => m.content);
  const messages = before.map(({ role, content }) => ({ role, content }));
  if (settings.system().trim()) messages.unshift({ role: "system", content: settings.system() });
  if (goesOn) messages.push({ role: "assistant", content: message.content });
  const body = { messages, ...settings.fields(), stream: true, stream_options: { include_usage: true, continuous_usage_stats: true } };
  if (goesOn) Object.assign(body, { add_generation_prompt: false, continue_final_message: true });

  let waiting = false, cost = 0;
  const draw = () => {
    waiting = false;
    const article = chat === current ? articleOf(message) : null;
    if (!article) return;
    const begin = performance.now();
    showAnswer(article, message);
    cost = performance.now() - begin;
    follow();
  };
  const drawSoon = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => requestAnimationFrame(draw), 4 * cost); // a long answer must not take the whole time
  };

  message.failure = null;
  message.stats = {};
  running.set(chat.id, { controller, message });
  keep(chat);
  if (chat === current) drawLog();
  say("The answer is being written.");
  const begin = performance.now();
  let first = 0;
  try {
    await client.ask(body, controller.signal, ({ text, usage, finish }) => {
      const now = performance.now();
      const stats = message.stats;
      if (text && !first) {
        first = now;
        stats.first = now - begin;
      }
      message.content += text;
      if (usage) {
        stats.prompt = usage.prompt_tokens;
        stats.cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
        if (usage.completion_tokens > 1 && now - first > 40 && usage.completion_tokens !== stats.output)
          stats.rate = ((usage.completion_tokens - 1) * 1000) / (now - first);
        stats.output = usage.completion_tokens;
      }
      if (finish) stats.finish = finish;
      drawSoon();
    });
  } catch (error) {
    if (controller.signal.aborted) message.stats.finish = "stopped";
    else message.failure = error instanceof Failure ? error : new Failure("failed", "The page failed", String(error));
  }
  const failure = message.failure;
  running.delete(chat.id);
  if (!chats.includes(chat) || !chat.messages.includes(message)) return; // deleted meanwhile
  message.failure = failure?.kept() ?? null;
  keep(chat);
  message.failure = failure; // with the time to wait
  if (chat === current) drawLog();
  say(failure ? `${failure.title}. ${failure.detail}` : message.stats.finish === "stopped" ? "Stopped." : `Answer: ${message.content.slice(0, 1000)}`);
  if (failure?.kind === "key" && chat === current && (await settings.askKey(failure))) retry(chat, message);
}

function retry(chat, message) {
  const at = chat.messages.indexOf(message);
  if (at < 0 || running.has(chat.id)) return;
  if (!model) loadModel();
  chat.messages.length = at;
  begin(chat);
}

/** A new answer to the chat as it stands. */
function begin(chat) {
  const message = { id: identity(), role: "assistant", content: "", stats: {}, failure: null };
  chat.messages.push(message);
  if (chat === current) atEnd = true;
  return answer(chat, message);
}

function send() {
  const text = input.value.trim();
  if (!text || running.has(current.id)) return;
  const last = current.messages.at(-1);
  if (last?.role === "assistant" && !last.content) current.messages.pop(); // it came to nothing
  current.messages.push({ id: identity(), role: "user", content: text });
  input.value = "";
  growInput();
  store.put("current", current.id, sessionStorage);
  begin(current);
}

const stop = (chat) => running.get(chat.id)?.controller.abort();

// --- Changing messages and chats -----------------------------------------------------------------

let toastEnds = 0;
function offerUndo(text, undo) {
  byId("toast-text").textContent = text;
  byId("toast").hidden = false;
  byId("undo").onclick = () => {
    byId("toast").hidden = true;
    undo();
  };
  clearTimeout(toastEnds);
  toastEnds = setTimeout(() => (byId("toast").hidden = true), 8000);
}

/** Changes a chat's messages in a way that can be taken back. */
function change(chat, text, how) {
  const before = chat.messages.slice();
  stop(chat);
  how();
  keep(chat);
  if (chat === current) drawLog();
  offerUndo(text, () => {
    stop(chat);
    chat.messages = before;
    keep(chat);
    if (chat === current) drawLog();
  });
}

const does = {
  again(message) {
    if (message.failure?.kind === "key") {
      const chat = current;
      settings.askKey(message.failure).then((given) => given && retry(chat, message));
    } else if (message.failure && !message.content) {
      retry(current, message);
    } else {
      const chat = current, at = chat.messages.indexOf(message), later = chat.messages.length - at - 1;
      change(chat, later ? `Answered again, without the ${plural(later, "message")} that followed.` : "Answered again.", () => (chat.messages.length = at));
      afterStop(chat, () => begin(chat));
    }
  },
  remove(message) {
    const at = current.messages.indexOf(message);
    const whole = message.role === "user" && current.messages[at + 1]?.role === "assistant" ? 2 : 1; // a question goes with its answer
    change(current, whole === 2 ? "Question and answer deleted." : "Message deleted.", () => current.messages.splice(at, whole));
  },
  edit(message) {
    const article = articleOf(message), chat = current;
    if (article.querySelector(".editing")) return;
    const parts = [...article.children];
    parts.forEach((part) => (part.hidden = true));
    const box = editBox(message, (text) => {
      const at = chat.messages.indexOf(message);
      input.focus();
      if (text === null || text === message.content || at < 0) return drawLog();
      const changed = { ...message, id: identity(), content: text };
      if (message.role === "assistant") return change(chat, "Answer changed.", () => (chat.messages[at] = changed));
      change(chat, "Question changed.", () => chat.messages.splice(at, chat.messages.length, changed));
      afterStop(chat, () => begin(chat));
    });
    article.prepend(box);
    const area = box.querySelector("textarea");
    area.style.height = `${Math.min(area.scrollHeight + 4, 400)}px`;
    area.focus();
  },
  goOn(message) {
    if (!running.has(current.id)) answer(current, message, true);
  },
};

/** A stopped answer ends a moment later. */
function afterStop(chat, then) {
  if (running.has(chat.id)) setTimeout(() => afterStop(chat, then), 10);
  else then();
}

function openChat(chat) {
  current = chat;
  atEnd = true;
  store.put("current", chat.id, sessionStorage);
  drawChats();
  drawLog();
  showSide(false);
  input.focus();
}

const newChat = () => openChat(current.messages.length ? freshChat() : current);

function deleteChat(chat) {
  stop(chat);
  const at = chats.indexOf(chat);
  chats.splice(at, 1);
  store.dropChat(chat.id);
  if (chat === current) openChat(freshChat());
  else drawChats();
  offerUndo("Chat deleted.", () => {
    chats.push(chat);
    store.keepChat(chat);
    chats.sort((a, b) => b.time - a.time);
    drawChats();
  });
}

function showSide(shown) {
  const narrow = matchMedia("(max-width: 52rem)").matches;
  byId("side").classList.toggle("shown", shown);
  byId("scrim").hidden = !(shown && narrow);
  byId("menu").setAttribute("aria-expanded", String(shown));
  if (shown) byId("side-close").focus();
}

// --- The server ----------------------------------------------------------------------------------

async function loadModel() {
  try {
    const [first] = await client.models();
    model = first;
    byId("model").textContent = model.id;
    byId("hello-model").textContent = model.max_model_len ? `${model.id}, with room for ${plural(model.max_model_len, "token")}` : model.id;
    byId("notice").hidden = true;
  } catch (error) {
    const failure = error instanceof Failure ? error : new Failure("failed", "The server answers in a way that this page does not know", String(error));
    byId("notice").replaceChildren(troubleCard(failure, async () => (failure.kind !== "key" || (await settings.askKey(failure))) && loadModel()));
    byId("notice").hidden = false;
    if (failure.kind === "key" && (await settings.askKey(failure))) loadModel();
    if (failure.kind === "lost" || failure.kind === "busy") setTimeout(() => model || loadModel(), 1000 * Math.max(3, failure.retryAfter));
  }
}

// --- Events --------------------------------------------------------------------------------------

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
input.addEventListener("input", growInput);
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  } else if (event.key === "ArrowUp" && input.value === "") {
    const mine = current.messages.findLast((message) => message.role === "user");
    if (mine) {
      event.preventDefault();
      does.edit(mine);
    }
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (byId("side").classList.contains("shown")) {
    showSide(false);
    byId("menu").focus();
  } else {
    stop(current);
  }
});
byId("stop").addEventListener("click", () => {
  stop(current);
  input.focus();
});
byId("new").addEventListener("click", newChat);
byId("new-small").addEventListener("click", newChat);
byId("menu").addEventListener("click", () => showSide(true));
byId("side-close").addEventListener("click", () => showSide(false));
byId("scrim").addEventListener("click", () => showSide(false));
byId("settings-open").addEventListener("click", () => settings.open());
byId("summary").addEventListener("click", () => settings.open());
byId("delete-all").addEventListener("click", () => {
  const all = chats;
  if (!all.length) return;
  all.forEach((chat) => {
    stop(chat);
    store.dropChat(chat.id);
  });
  chats = [];
  byId("settings").close();
  openChat(freshChat());
  offerUndo(`${plural(all.length, "chat")} deleted.`, () => {
    chats = all;
    all.forEach(store.keepChat);
    drawChats();
  });
});
byId("down").addEventListener("click", () => {
  atEnd = true;
  follow();
  input.focus();
});
scroll.addEventListener("scroll", () => {
  atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 48;
  byId("down").hidden = atEnd;
}, { passive: true });
new ResizeObserver(follow).observe(scroll);
addEventListener("storage", (event) => { // another tab
  if (store.isChat(event.key)) {
    const here = new Map([...chats, current].filter((chat) => chat === current || running.has(chat.id)).map((chat) => [chat.id, chat]));
    chats = store.chats().map((chat) => here.get(chat.id) ?? chat);
    drawChats();
  } else {
    settings.reload();
  }
});
addEventListener("pagehide", () => {
  for (const { message } of running.values()) message.failure = { kind: "lost", title: "The page was closed", detail: "The answer is not whole." };
  chats.filter((chat) => running.has(chat.id)).forEach(store.keepChat);
});
settings.onChange(drawSummary);
drawSummary();
drawChats();
drawLog();
growInput();
loadModel();
