// The chips: a click flips a mark. The choices: a click adds a name. The boxes: completion of the name being typed.
element.addEventListener("click", (event) => {
  const mark = event.target.closest(".zs-mark");
  if (mark) trigger("select", { name: mark.dataset.name });
});
