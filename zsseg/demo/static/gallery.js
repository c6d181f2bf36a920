// A click on an example asks its question.
element.addEventListener("click", (event) => {
  const example = event.target.closest(".zs-example");
  if (example) trigger("select", { key: example.dataset.key });
});
