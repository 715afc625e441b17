"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const every = 1000 * Number(root.querySelector("body").dataset.every || 0);
  const sorted = {};
  let paused = false;

  const value = (row, column) => {
    const cell = row.cells[column];
    const told = cell.dataset.value;
    return told === undefined ? cell.textContent.trim() : Number(told);
  };
  const order = (table) => {
    const chosen = sorted[table.id];
    if (!chosen) return;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const x = value(a, chosen.column), y = value(b, chosen.column);
      return chosen.sign * (typeof x === "number" ? x - y : x.localeCompare(y));
    });
    table.tBodies[0].append(...rows);
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (column !== chosen.column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", chosen.sign > 0 ? "ascending" : "descending");
    });
  };
  const filter = (table) => {
    const form = document.getElementById(`${table.id}-controls`);
    if (!form) return;
    const text = form.elements.text.value.toLowerCase();
    const state = form.elements.state.value;
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const hit = row.textContent.toLowerCase().includes(text);
      row.hidden = !hit || (state !== "" && row.dataset.state !== state);
      shown += row.hidden ? 0 : 1;
    }
    const told = `${shown} of ${table.tBodies[0].rows.length} shown`;
    if (form.elements.count.value !== told) form.elements.count.value = told;
  };
  const prepare = () => {
    for (const table of document.querySelectorAll("table.sorts")) {
      [...table.tHead.rows[0].cells].forEach((head, column) => {
        const button = document.createElement("button");
        button.type = "button";
        button.id = `${table.id}-by-${column}`;
        button.append(...head.childNodes);
        button.addEventListener("click", () => {
          const before = sorted[table.id];
          const first = head.classList.contains("number") ? -1 : 1;
          const again = before && before.column === column;
          sorted[table.id] = { column, sign: again ? -before.sign : first };
          order(table);
        });
        head.append(button);
      });
      order(table);
      filter(table);
    }
  };
  const reveal = () => {
    const found = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const around = found && found.closest("details");
    if (around) around.open = true;
  };
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form.controls");
    if (form) filter(document.getElementById(form.dataset.table));
  });
  document.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#pause");
    if (!button) return;
    paused = !paused;
    button.textContent = paused ? "Go on refreshing" : "Stop refreshing";
  });
  window.addEventListener("hashchange", reveal);

  const take = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.querySelector("main"), main = document.querySelector("main");
    const focused = document.activeElement;
    for (const kept of main.querySelectorAll("form.controls, #pause")) {
      const place = fresh.querySelector(`#${CSS.escape(kept.id)}`);
      if (place) place.replaceWith(kept);
    }
    for (const open of main.querySelectorAll("details[open]")) {
      const place = fresh.querySelector(`#${CSS.escape(open.id)}`);
      if (place) place.open = true;
    }
    main.replaceChildren(...fresh.childNodes);
    prepare();
    const again = focused.isConnected ? focused : document.getElementById(focused.id);
    if (again && again !== document.activeElement) again.focus({ preventScroll: true });
  };
  const refresh = async () => {
    if (paused || document.hidden) return;
    const away = document.getElementById("away");
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      take(await answer.text());
      away.hidden = true;
    } catch {
      away.hidden = false;
    }
  };
  prepare();
  reveal();
  if (every) setInterval(refresh, every);
})();
