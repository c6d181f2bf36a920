// A click on an example asks for it.
element.addEventListener("click", (event) => {
  const example = event.target.closest(".zs-example");
  if (example) trigger("select", { index: Number(example.dataset.index) });
});
