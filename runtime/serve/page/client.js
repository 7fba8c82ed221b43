// The server's API: one question, its answer as a stream of events.

/** Why there is no answer, or only part of one, in words for people. */
class Failure extends Error {
  constructor(kind, title, detail, retryAfter = 0) {
    super(title);
    Object.assign(this, { kind, title, detail, retryAfter });
  }
  kept() {
    return { kind: this.kind, title: this.title, detail: this.detail };
  }
}

const client = (() => {
  const headers = () => {
    const key = store.key();
    return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  };

  async function call(path, options = {}) {
    let response;
    try {
      response = await fetch(path, { ...options, headers: headers(), cache: "no-store", credentials: "same-origin" });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Failure("lost", "No connection to the server", "It may be stopped, or the network is down.");
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async function refusal(response) {
    let error = {};
    try {
      error = (await response.json()).error ?? {};
    } catch { // a proxy's page, for example
    }
    return failureOf(response.status, error, Number(response.headers.get("Retry-After")) || 0);
  }

  function failureOf(status, error, retryAfter = 0) {
    const said = error.message ?? "";
    const param = error.param ? `Concerns: ${error.param}. ` : "";
    if (status === 401) return new Failure("key", store.key() ? "The server does not accept this key" : "This server needs a key", said);
    if (status === 403) return new Failure("refused", "The server does not allow this", said);
    if (status === 429) return new Failure("busy", "The server has too much to do", said || "Try again soon.", retryAfter || 1);
    if (status === 503) return new Failure("busy", "The server takes no questions now", said || "It is starting or stopping.", retryAfter);
    if (error.code === "context_length_exceeded")
      return new Failure("long", "This chat is too long for the model", `${said} Begin a new chat, or delete messages.`);
    if (status >= 400 && status < 500) return new Failure("refused", "The server refuses this request", param + said);
    return new Failure("failed", "The server could not answer", said || `Its status was ${status}.`);
  }

  /** The texts after "data:" of a stream of events. */
  async function* events(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const lines = part.split("\n").filter((line) => line.startsWith("data:"));
        if (lines.length) yield lines.map((line) => line.slice(5).trimStart()).join("\n");
      }
    }
  }

  /** Asks and tells `on({text, usage, finish})` of each part. Ends without an error when the answer is whole. */
  async function ask(body, signal, on) {
    const broken = new Failure("lost", "The connection broke off", "The answer is not whole.");
    const response = await call("v1/chat/completions", { method: "POST", body: JSON.stringify(body), signal });
    try {
      for await (const data of events(response)) {
        if (data === "[DONE]") return;
        let event;
        try {
          event = JSON.parse(data);
        } catch {
          throw broken;
        }
        if (event.error) throw failureOf(500, event.error);
        const choice = event.choices?.[0];
        const delta = choice?.delta ?? {};
        on({ text: (delta.reasoning_content ?? "") + (delta.content ?? ""), usage: event.usage ?? null, finish: choice?.finish_reason ?? null });
      }
    } catch (error) {
      throw error instanceof Failure || signal.aborted ? error : broken;
    }
    throw broken;
  }

  return {
    ask,
    models: async () => (await (await call("v1/models")).json()).data,
  };
})();
