// Tables sort by a column's head: the largest first, then the smallest. Numbers by their whole value, which the cell carries.
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const ascending = head.getAttribute('aria-sort') === 'descending';
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
      sortBy(table.tBodies[0], column, ascending);
    });
  });
}

function sortBy(body, column, ascending) {
  const value = row => row.cells[column].dataset.v === undefined ? row.cells[column].textContent : Number(row.cells[column].dataset.v);
  const order = (a, b) => typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
  const rows = [...body.rows].sort((a, b) => ascending ? order(value(a), value(b)) : order(value(b), value(a)));
  body.append(...rows);
}
