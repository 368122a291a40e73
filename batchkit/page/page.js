"use strict";
// Tables sort by the column whose head is pressed: numbers by their value, all else as text.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, row = head.parentElement;
    const body = head.closest("table").tBodies[0], at = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of row.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (line) => { const cell = line.cells[at]; return cell.dataset.key ? +cell.dataset.key : null; };
    const text = (line) => line.cells[at].textContent;
    const compare = (a, b) => {
      const x = key(a), y = key(b);
      return x !== null && y !== null ? x - y : text(a).localeCompare(text(b));
    };
    const lines = [...body.rows].sort(compare);
    body.append(...(down ? lines.reverse() : lines));
  });
}
