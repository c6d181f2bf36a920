// A click on a seen name adds it. The boxes complete the name that is being typed, from the lists of this element; when
// the focus leaves both of them their names are put in order, which Run does itself.
element.addEventListener("click", (event) => {
  const choice = event.target.closest(".zs-choice");
  if (choice) trigger("select", { name: choice.dataset.name });
});

const SHOWN = 6;
const BOXES = "#zs-seen, #zs-unseen";
const namesOf = (box) => {
  const lists = element.querySelector(".zs-choices")?.dataset;
  if (!lists) return [];
  const [seen, unseen] = [JSON.parse(lists.seen), JSON.parse(lists.unseen)];
  return box === "zs-seen" ? seen : box === "zs-unseen" ? unseen : [...unseen, ...seen];
};
const current = (field) => {
  const before = field.value.slice(0, field.selectionStart);
  const start = Math.max(before.lastIndexOf(","), before.lastIndexOf(";"), before.lastIndexOf("\n")) + 1;
  return { start, typed: before.slice(start).trimStart().toLowerCase() };
};
const hide = () => document.querySelectorAll(".zs-suggest").forEach((list) => list.remove());
const show = (field, box) => {
  hide();
  const { typed } = current(field);
  if (!typed || field.selectionStart !== field.value.length) return;
  const fits = (name) => name.toLowerCase().startsWith(typed) && name.toLowerCase() !== typed;
  const found = namesOf(box.id).filter(fits).slice(0, SHOWN);
  if (!found.length) return;
  const list = document.createElement("div");
  list.className = "zs-suggest";
  for (const name of found) {
    const option = document.createElement("button");
    option.type = "button";
    option.textContent = name;
    option.addEventListener("mousedown", (event) => { event.preventDefault(); take(field, name); });
    option.addEventListener("click", () => take(field, name));
    option.addEventListener("keydown", (event) => move(event, option, field));
    list.append(option);
  }
  box.append(list);
};
const take = (field, name) => {
  field.focus(); // first: a list that goes while it has the focus would be removed twice
  const { start } = current(field);
  field.value = `${field.value.slice(0, start).replace(/([,;])$/, "$1 ")}${name}`;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  hide();
};
const move = (event, option, field) => {
  if (event.key === "ArrowDown") option.nextElementSibling?.focus();
  else if (event.key === "ArrowUp") (option.previousElementSibling ?? field).focus();
  else if (event.key === "Escape") { field.focus(); hide(); }
  else return;
  event.preventDefault();
};
for (const id of ["zs-find", "zs-seen", "zs-unseen"]) {
  document.addEventListener("input", (event) => {
    const box = event.target.closest?.(`#${id}`);
    if (box) show(event.target, box);
  });
  document.addEventListener("keydown", (event) => {
    const box = event.target.matches?.("textarea, input") && event.target.closest(`#${id}`);
    const list = box && box.querySelector(".zs-suggest");
    if (!list) return;
    if (event.key === "ArrowDown") { event.preventDefault(); list.firstElementChild.focus(); }
    else if (event.key === "Escape" || event.key === "Enter") hide();
  }, true);
}
document.addEventListener("focusout", (event) => {
  const box = event.target.closest?.("#zs-find, #zs-seen, #zs-unseen");
  if (box && !box.contains(event.relatedTarget)) hide();
  if (event.target.closest?.(BOXES) && !event.relatedTarget?.closest?.(`${BOXES}, #zs-run`)) trigger("blur");
});
