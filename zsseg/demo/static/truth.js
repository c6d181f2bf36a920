// A click on one of the ways to read a mask chooses it.
element.addEventListener("click", (event) => {
  const reading = event.target.closest("[data-table]");
  if (reading) trigger("select", { table: reading.dataset.table });
});
