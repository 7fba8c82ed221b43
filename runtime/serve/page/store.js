// What the browser keeps: settings, colours, the key, and each chat under a name of its own, so that several tabs do not overwrite each
// other's. Where nothing may be kept (private windows, a full store), everything works until the tab is closed.

const store = (() => {
  const PREFIX = "axiom.", CHAT = PREFIX + "chat.";

  function get(name, area = localStorage) {
    try {
      return JSON.parse(area.getItem(PREFIX + name));
    } catch {
      return null;
    }
  }
  function put(name, value, area = localStorage) {
    try {
      if (value === null) area.removeItem(PREFIX + name);
      else area.setItem(PREFIX + name, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  }
  const isMessage = (m) => m && ["user", "assistant"].includes(m.role) && typeof m.content === "string";

  function chats() {
    const found = [];
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(CHAT)) continue;
        const chat = get(key.slice(PREFIX.length));
        if (chat && typeof chat.id === "string" && Array.isArray(chat.messages) && chat.messages.every(isMessage)) found.push(chat);
      }
    } catch { // no store
    }
    return found.sort((a, b) => b.time - a.time);
  }

  return {
    get, put, chats,
    isChat: (key) => key === null || key.startsWith(CHAT),
    keepChat: (chat) => put(`chat.${chat.id}`, { id: chat.id, title: chat.title, time: chat.time, messages: chat.messages }),
    dropChat: (id) => put(`chat.${id}`, null),
    key: () => get("key", sessionStorage) ?? get("key") ?? "",
    keyIsKept: () => get("key") !== null,
    keepKey(key, always) {
      put("key", key || null, sessionStorage);
      put("key", always && key ? key : null);
    },
  };
})();

// Fields of a request that may be set. Empty: not sent, the server's own default holds.
const FIELDS = [
  { name: "temperature", label: "Temperature", hint: "0 takes the most likely token each time; more is freer.", min: 0, max: 2, step: 0.05, usual: 1, slide: true },
  { name: "top_p", label: "Top p", hint: "Only the likeliest tokens that together have this probability.", min: 0.01, max: 1, step: 0.01, usual: 1, slide: true },
  { name: "min_p", label: "Min p", hint: "Only tokens with this share of the likeliest one's probability.", min: 0, max: 1, step: 0.01, usual: 0, slide: true },
  { name: "top_k", label: "Top k", hint: "Only so many of the likeliest tokens.", min: 0, max: 2147483647, whole: true, usual: "off" },
  { name: "max_tokens", label: "Longest answer", hint: "In tokens.", min: 1, max: 2147483647, whole: true, usual: "no limit" },
  { name: "seed", label: "Seed", hint: "The same seed gives the same answer to the same question.", min: -9007199254740991, max: 9007199254740991, whole: true, usual: "random" },
  { name: "presence_penalty", label: "Presence penalty", hint: "Against tokens that have come before.", min: -2, max: 2, step: 0.1, usual: 0, slide: true },
  { name: "frequency_penalty", label: "Frequency penalty", hint: "The same, by how often they came.", min: -2, max: 2, step: 0.1, usual: 0, slide: true },
  { name: "repetition_penalty", label: "Repetition penalty", hint: "Above 1: against tokens of the chat so far.", min: 0.01, max: 100, step: 0.05, usual: 1 },
];

/** What is wrong with a field's text, or null. */
function mistake(field, text) {
  if (text.trim() === "") return null;
  const value = Number(text);
  if (!Number.isFinite(value)) return "A number is needed.";
  if (field.whole && !Number.isInteger(value)) return "A whole number is needed.";
  if (value < field.min || value > field.max) return `From ${field.min} to ${field.max}.`;
  return null;
}
