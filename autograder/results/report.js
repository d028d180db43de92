// Sorting, filtering and opening. The page says the same without this.
"use strict";
{
  const byId = (id) => document.getElementById(id);
  const roster = byId("roster");

  // ---- sorting: a table with several bodies is sorted by body, else by row

  const value = (unit, column) => {
    const row = unit.tagName === "TBODY" ? unit.rows[0] : unit;
    const cell = row.cells[column];
    const text = cell.dataset.v ?? cell.textContent.trim();
    const number = Number(text.replaceAll(",", ""));
    return text !== "" && !Number.isNaN(number) ? number : text.toLowerCase();
  };

  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

  const sort = (table, column) => {
    const head = table.tHead.rows[0].cells[column];
    const falling = head.classList.contains("n");
    // Numbers start with the largest, words with the first.
    const now = head.ariaSort;
    const up = now ? now === "descending" : !falling;
    for (const cell of table.tHead.rows[0].cells) cell.ariaSort = null;
    head.ariaSort = up ? "ascending" : "descending";
    const bodies = [...table.tBodies];
    const units = bodies.length > 1 ? bodies : [...bodies[0].rows];
    const keyed = units.map((unit) => [value(unit, column), unit]);
    keyed.sort((a, b) => (up ? compare(a[0], b[0]) : compare(b[0], a[0])));
    (bodies.length > 1 ? table : bodies[0]).append(...keyed.map((pair) => pair[1]));
  };

  const makeButton = (cell) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    cell.append(button);
    return button;
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      makeButton(cell).addEventListener("click", () => sort(table, column));
    });
  }

  // ---- students: open, filter, and follow links to them

  const open = (body, yes) => {
    body.classList.toggle("open", yes);
    body.querySelector("button").ariaExpanded = String(yes);
  };

  const filter = () => {
    const name = byId("find").value.trim().toLowerCase();
    const tag = byId("tag").value;
    const check = byId("check").value;
    let left = 0;
    for (const body of roster.tBodies) {
      const fits =
        body.rows[0].cells[0].textContent.toLowerCase().includes(name) &&
        (!tag || body.dataset.t.split(" ").includes(tag)) &&
        (!check || body.dataset.f.split(" ").includes(check));
      body.classList.toggle("gone", !fits);
      left += fits;
    }
    const all = roster.tBodies.length;
    byId("shown").textContent = `${left} of ${all} ${all === 1 ? "student" : "students"} shown`;
  };

  // All students, or those who failed a check.
  const show = (check) => {
    byId("find").form.reset();
    byId("check").value = check;
    filter();
  };

  const follow = () => {
    const target = byId(location.hash.slice(1));
    if (!roster || target?.tagName !== "TBODY") return;
    if (target.classList.contains("gone")) show("");
    open(target, true);
    target.scrollIntoView({ block: "center" });
    target.querySelector("button").focus({ preventScroll: true });
  };

  if (roster) {
    for (const body of roster.tBodies) {
      const button = makeButton(body.rows[0].cells[0]);
      button.ariaExpanded = "false";
      button.addEventListener("click", () => open(body, !body.classList.contains("open")));
    }
    const form = byId("find").form;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    byId("all").addEventListener("click", () => show(""));
    byId("open").addEventListener("click", () => {
      const visible = [...roster.tBodies].filter((body) => !body.classList.contains("gone"));
      const yes = visible.some((body) => !body.classList.contains("open"));
      for (const body of visible) open(body, yes);
      byId("open").textContent = yes ? "Close details" : "Open details";
    });
    for (const link of document.querySelectorAll("a[data-check]")) {
      link.addEventListener("click", () => show(link.dataset.check));
    }
    filter();
    follow();
    addEventListener("hashchange", follow);
    // A second click on the same link changes no hash.
    addEventListener("click", (event) => {
      if (event.target.closest("a")?.hash === location.hash) follow();
    });
  }
}
