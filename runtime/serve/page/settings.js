// The settings, the key and the colours.

const settings = (() => {
  let values = store.get("settings") ?? {};
  const listeners = [];
  const keep = () => {
    store.put("settings", values);
    listeners.forEach((listener) => listener());
  };

  /** What of a request is not the server's default. */
  function fields() {
    const set = {};
    for (const field of FIELDS) {
      const text = String(values[field.name] ?? "");
      if (text.trim() !== "" && !mistake(field, text)) set[field.name] = Number(text);
    }
    return set;
  }

  function fieldRow(field) {
    const id = `f-${field.name}`, hint = element("p", { class: "fine", id: `${id}-hint` }, field.hint);
    const input = element("input", { id, type: "text", inputmode: field.whole ? "numeric" : "decimal", autocomplete: "off", placeholder: String(field.usual),
      "aria-describedby": `${id}-hint` });
    const slider = field.slide
      ? element("input", { type: "range", min: field.min, max: field.max, step: field.step, "aria-label": `${field.label}, slider`, tabindex: "-1" })
      : null;
    const show = () => {
      input.value = values[field.name] ?? "";
      if (slider) slider.value = input.value === "" ? field.usual : input.value;
      check();
    };
    const check = () => {
      const wrong = mistake(field, input.value);
      input.setAttribute("aria-invalid", wrong ? "true" : "false");
      hint.textContent = wrong ?? field.hint;
      hint.classList.toggle("wrong", Boolean(wrong));
      return !wrong;
    };
    const take = () => {
      if (!check()) return;
      values[field.name] = input.value.trim();
      if (values[field.name] === "") delete values[field.name];
      if (slider && input.value !== "") slider.value = input.value;
      keep();
    };
    input.addEventListener("input", take);
    slider?.addEventListener("input", () => {
      input.value = slider.value;
      take();
    });
    return { show, row: element("div", { class: "field" }, element("div", { class: "pair" }, element("label", { for: id }, field.label), input), slider, hint) };
  }

  const rows = FIELDS.map(fieldRow);
  byId("fields").append(...rows.map((row) => row.row));
  const system = byId("f-system"), key = byId("f-key"), keepKey = byId("f-keep");
  system.addEventListener("input", () => {
    values.system = system.value;
    if (!system.value.trim()) delete values.system;
    keep();
  });
  const takeKey = () => store.keepKey(key.value.trim(), keepKey.checked);
  key.addEventListener("input", takeKey);
  keepKey.addEventListener("change", takeKey);

  function fill() {
    rows.forEach((row) => row.show());
    system.value = values.system ?? "";
    key.value = store.key();
    keepKey.checked = store.keyIsKept();
  }
  byId("reset").addEventListener("click", () => {
    values = {};
    keep();
    fill();
  });
  const sheet = byId("settings");
  const closeOutside = (dialog) => dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close());
  closeOutside(sheet);

  const themes = document.querySelectorAll("#theme input");
  const showTheme = (theme) => {
    document.documentElement.dataset.theme = theme;
    themes.forEach((input) => (input.checked = input.value === theme));
  };
  themes.forEach((input) => input.addEventListener("change", () => {
    store.put("theme", input.value);
    showTheme(input.value);
  }));
  showTheme(["light", "dark"].includes(store.get("theme")) ? store.get("theme") : "auto");

  const keyDialog = byId("key");
  let answered = () => {};
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const given = byId("key-input").value.trim();
    if (!given) return;
    store.keepKey(given, byId("key-keep").checked);
    answered(true);
    keyDialog.close();
  });
  byId("key-cancel").addEventListener("click", () => keyDialog.close());
  keyDialog.addEventListener("close", () => answered(false));

  return {
    fields,
    system: () => values.system ?? "",
    open() {
      fill();
      sheet.showModal();
    },
    onChange: (listener) => listeners.push(listener),
    reload() {
      values = store.get("settings") ?? {};
      showTheme(store.get("theme") ?? "auto");
      if (sheet.open && !sheet.contains(document.activeElement)) fill();
      listeners.forEach((listener) => listener());
    },
    /** Asks for a key: whether one was given. */
    askKey(failure) {
      if (keyDialog.open) return Promise.resolve(false);
      byId("key-title").textContent = failure.title;
      byId("key-input").value = "";
      byId("key-keep").checked = store.keyIsKept();
      keyDialog.showModal();
      return new Promise((resolve) => (answered = resolve));
    },
  };
})();
