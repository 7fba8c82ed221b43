// The markdown that models write, as elements: paragraphs, headings, lists, quotes, tables, code, emphasis, links. Everything else, HTML
// too, stays the text that it is. Nothing is loaded: an image becomes a link. Work is linear in the text; nesting is bounded.

const markdown = (() => {
  const DEEPEST = 8, COLUMNS = 100;
  const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)/;
  const HEADING = /^ {0,3}(#{1,6})\s+(.*)$/;
  const RULE = /^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
  const QUOTE = /^ {0,3}> ?/;
  const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(\s+)(?=\S)/;
  const DASHES = /^ {0,3}\|?[\s:|-]*-[\s:|-]*$/;

  const startsBlock = (line) => FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line);
  const blank = (line) => line.trim() === "";
  const indentOf = (line) => line.length - line.trimStart().length;

  /** The blocks of a text: {kind, source, ...}. A block whose source is the same is the same. */
  function blocksOf(text) {
    const lines = text.replace(/\r\n?/g, "\n").split("\n");
    const blocks = [];
    let at = 0;
    const push = (kind, from, more) => blocks.push({ kind, source: `${kind}\n${lines.slice(from, at).join("\n")}`, ...more });
    while (at < lines.length) {
      const line = lines[at], from = at;
      let found;
      if (blank(line)) {
        ++at;
      } else if ((found = FENCE.exec(line))) {
        const fence = found[1], body = [];
        const ends = new RegExp(`^ {0,3}${fence[0]}{${fence.length},}\\s*$`);
        for (++at; at < lines.length && !ends.test(lines[at]); ++at) body.push(lines[at]);
        ++at;
        push("code", from, { language: found[2], text: body.join("\n") });
      } else if ((found = HEADING.exec(line))) {
        ++at;
        push("heading", from, { level: found[1].length, text: found[2].trim().replace(/(^|\s)#+$/, "") });
      } else if (RULE.test(line)) {
        ++at;
        push("rule", from);
      } else if (QUOTE.test(line)) {
        const body = [];
        for (; at < lines.length && QUOTE.test(lines[at]); ++at) body.push(lines[at].replace(QUOTE, ""));
        push("quote", from, { text: body.join("\n") });
      } else if (line.includes("|") && at + 1 < lines.length && isTable(line, lines[at + 1])) {
        for (at += 2; at < lines.length && lines[at].includes("|") && !blank(lines[at]); ++at);
        push("table", from, { head: cells(line), sides: cells(lines[from + 1]).map(side), rows: lines.slice(from + 2, at).map(cells) });
      } else if (ITEM.test(line)) {
        const items = listItems();
        push("list", from, items);
      } else {
        for (++at; at < lines.length && !blank(lines[at]) && !startsBlock(lines[at]); ++at);
        push("paragraph", from, { text: lines.slice(from, at).map((l) => l.trimStart()).join("\n") });
      }
    }
    return blocks;

    /** All items from here on; what is indented further belongs to the item before. */
    function listItems() {
      const [, lead, mark] = ITEM.exec(lines[at]);
      const ordered = /\d/.test(mark), base = lead.length, items = [];
      for (; at < lines.length; ++at) {
        const line = lines[at], item = ITEM.exec(line);
        if (item && item[1].length <= base + 1 && /\d/.test(item[2]) === ordered && !RULE.test(line)) {
          const width = item[0].length;
          items.push({ width, lines: [line.slice(width)] });
        } else if (blank(line)) {
          const next = lines[at + 1];
          if (next === undefined || blank(next) || (indentOf(next) <= base + 1 && !ITEM.test(next))) break;
          items.at(-1).lines.push("");
        } else if (indentOf(line) > base + 1 || (!startsBlock(line) && !blank(lines[at - 1]))) {
          items.at(-1).lines.push(line.slice(Math.min(indentOf(line), items.at(-1).width)));
        } else {
          break;
        }
      }
      return { ordered, start: parseInt(mark, 10), items: items.map((item) => item.lines.join("\n")) };
    }
  }

  const isTable = (head, dashes) => dashes.includes("|") && DASHES.test(dashes) && head.split("|", COLUMNS + 1).length <= COLUMNS;
  function cells(line) {
    const inner = line.trim().replace(/^\|/, "").replace(/\|$/, "");
    return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
  }
  const side = (dashes) => (dashes.endsWith(":") ? (dashes.startsWith(":") ? "center" : "right") : null);

  function blockElement(block, depth) {
    switch (block.kind) {
      case "code":
        return codeElement(block.text, block.language);
      case "heading":
        return element(`h${Math.min(block.level + 1, 4)}`, {}, ...inline(block.text));
      case "rule":
        return element("hr");
      case "quote":
        return element("blockquote", {}, ...inside(block.text, depth));
      case "table": {
        const row = (list, tag) => element("tr", {}, ...block.head.map((_, i) => element(tag, { class: block.sides[i] }, ...inline(list[i] ?? ""))));
        return element("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Table" },
          element("table", {}, element("thead", {}, row(block.head, "th")), element("tbody", {}, ...block.rows.map((r) => row(r, "td")))));
      }
      case "list": {
        const start = block.ordered && block.start !== 1 ? block.start : null;
        return element(block.ordered ? "ol" : "ul", { start }, ...block.items.map((text) => {
          const parts = inside(text, depth);
          // A single paragraph needs no space of its own.
          if (parts[0]?.tagName === "P" && (parts.length === 1 || parts[1].tagName !== "P")) parts.splice(0, 1, ...parts[0].childNodes);
          return element("li", {}, ...parts);
        }));
      }
      default:
        return element("p", {}, ...inline(block.text));
    }
  }

  const inside = (text, depth) =>
    depth >= DEEPEST ? [element("p", {}, text)] : blocksOf(text).map((block) => blockElement(block, depth + 1));

  function codeElement(text, language) {
    const button = element("button", { type: "button", onclick: async () => {
      await copyText(text);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    } }, "Copy");
    return element("div", { class: "block" },
      element("div", { class: "block-head" }, element("span", {}, language || "text"), button),
      element("pre", { tabindex: "0" }, element("code", {}, text)));
  }

  const MARKS = [["**", "strong"], ["__", "strong"], ["~~", "del"], ["*", "em"], ["_", "em"]];
  const WORD = /[\p{L}\p{N}]/u;
  const ADDRESS = /https?:\/\/[^\s<>"'`\])]+/y;
  const LINK = /!?\[((?:[^\[\]\\]|\\.){0,1000})\]\(\s*<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,500})?)>?(?:\s+"[^"]{0,500}")?\s*\)/y;

  const safe = (url) => /^(https?:\/\/|mailto:)/i.test(url);
  const anchor = (url, ...children) => element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, ...children);

  /** Nodes of a run of text. */
  function inline(text, depth = 0) {
    const nodes = [], hopeless = new Set();
    let plain = "", at = 0;
    const flush = () => {
      if (plain) nodes.push(plain);
      plain = "";
    };
    const add = (node) => {
      flush();
      nodes.push(node);
    };
    scan: while (at < text.length) {
      const c = text[at];
      if (c === "\\" && at + 1 < text.length && /[!-\/:-@[-`{-~]/.test(text[at + 1])) {
        plain += text[at + 1];
        at += 2;
        continue;
      }
      if (c === "\n") {
        plain = plain.replace(/ +$/, "");
        add(element("br"));
        ++at;
        continue;
      }
      if (c === "`") {
        let ticks = 1;
        while (text[at + ticks] === "`") ++ticks;
        const end = hopeless.has(ticks) ? -1 : closingTicks(text, at + ticks, ticks);
        if (end >= 0) {
          const code = text.slice(at + ticks, end).replaceAll("\n", " ");
          add(element("code", {}, /^ .*[^ ].* $/.test(code) ? code.slice(1, -1) : code));
          at = end + ticks;
        } else {
          hopeless.add(ticks);
          plain += text.slice(at, at + ticks);
          at += ticks;
        }
        continue;
      }
      if (c === "[" || (c === "!" && text[at + 1] === "[")) {
        LINK.lastIndex = at;
        const found = LINK.exec(text);
        if (found && safe(found[2])) {
          add(anchor(found[2], ...(depth < DEEPEST ? inline(found[1] || found[2], depth + 1) : [found[1]])));
          at = LINK.lastIndex;
          continue;
        }
      }
      if (c === "h" && !WORD.test(text[at - 1] ?? "")) {
        ADDRESS.lastIndex = at;
        const found = ADDRESS.exec(text);
        if (found) {
          const url = found[0].replace(/[.,;:!?*_~]+$/, "");
          add(anchor(url, url));
          at += url.length;
          continue;
        }
      }
      for (const [mark, tag] of MARKS) {
        if (!text.startsWith(mark, at)) continue;
        const begin = at + mark.length;
        const opens = begin < text.length && !/\s/.test(text[begin]) && !(mark[0] === "_" && WORD.test(text[at - 1] ?? ""));
        const end = opens && depth < DEEPEST && !hopeless.has(mark) ? closingMark(text, begin, mark) : -1;
        if (end > begin) {
          add(element(tag, {}, ...inline(text.slice(begin, end), depth + 1)));
          at = end + mark.length;
          continue scan;
        }
        if (opens && end < 0) hopeless.add(mark);
      }
      // A mark that opens nothing: the whole run of it is text.
      let run = 1;
      if ("*_~".includes(c)) while (text[at + run] === c) ++run;
      plain += text.slice(at, at + run);
      at += run;
    }
    flush();
    return nodes;
  }

  function closingTicks(text, from, count) {
    const ticks = /`+/g;
    ticks.lastIndex = from;
    for (let found; (found = ticks.exec(text)); ) if (found[0].length === count) return found.index;
    return -1;
  }

  /** Where the mark closes: after no space, outside of code, not within a longer run of the same sign. */
  function closingMark(text, from, mark) {
    for (let at = from; at < text.length; ++at) {
      if (text[at] === "\\") {
        ++at;
      } else if (text[at] === "`") {
        let ticks = 1;
        while (text[at + ticks] === "`") ++ticks;
        const end = closingTicks(text, at + ticks, ticks);
        at = (end >= 0 ? end + ticks : at + ticks) - 1;
      } else if (text[at] === mark[0]) {
        let run = 1;
        while (text[at + run] === mark[0]) ++run;
        const fits = run === mark.length || run === 3;
        if (fits && at > from && !/\s/.test(text[at - 1]) && !(mark[0] === "_" && WORD.test(text[at + run] ?? "")))
          return at + run - mark.length;
        at += run - 1;
      }
    }
    return -1;
  }

  /** Makes `target` show the text; blocks that did not change keep their elements, so that a selection in them stays. */
  function show(target, text) {
    const blocks = blocksOf(text);
    blocks.forEach((block, i) => {
      const old = target.children[i];
      if (old?.source === block.source) return;
      const made = blockElement(block, 0);
      made.source = block.source;
      if (old) old.replaceWith(made);
      else target.append(made);
    });
    while (target.children.length > blocks.length) target.lastElementChild.remove();
  }

  return { show };
})();
