document.querySelectorAll("table.sortable th[data-sort]").forEach(th => {
  th.tabIndex = 0;
  const sort = () => {
    const body = th.closest("table").tBodies[0], column = th.cellIndex, down = th.dataset.sort !== "down";
    const value = row => {
      const text = row.cells[column].innerText.trim();
      const number = parseFloat(text.replace(/,/g, "").replace("−", "-").replace("< ", ""));
      return isNaN(number) ? text : number;
    };
    const rows = [...body.rows].sort((a, b) => {
      const x = value(a), y = value(b);
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return down ? -order : order;
    });
    th.dataset.sort = down ? "down" : "up";
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.forEach(row => row.classList.remove("again"));
    body.append(...rows);
  };
  th.addEventListener("click", sort);
  th.addEventListener("keydown", e => { if (e.key === "Enter") sort(); });
});
const mark = box => {
  const room = box.scrollWidth - box.clientWidth;
  box.classList.toggle("wide", room > 4);
  box.classList.toggle("end", room > 4 && box.scrollLeft > room - 4);
};
document.querySelectorAll(".scroll").forEach(box => {
  box.addEventListener("scroll", () => mark(box), { passive: true });
  new ResizeObserver(() => mark(box)).observe(box);
});
