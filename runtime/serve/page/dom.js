// Making elements. No text ever becomes markup: the page has no innerHTML, and its policy (Trusted Types) forbids it.

const byId = (id) => document.getElementById(id);

/** element("p", {class: "fine", onclick: f}, "text", child, null) */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  made.setAttribute("aria-hidden", "true");
  made.append(use);
  return made;
}

function iconButton(name, label, action) {
  return element("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick: action }, icon(name));
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // no permission, or the page came over plain HTTP from another machine
    const area = element("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
