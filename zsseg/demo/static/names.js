// A click on a class flips its mark.
element.addEventListener("click", (event) => {
  const mark = event.target.closest(".zs-mark");
  if (mark) trigger("select", { name: mark.dataset.name });
});
