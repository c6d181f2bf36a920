// The wipe: two chosen pictures, and one number that says where the right one begins; all three outlive a redraw.
let at = "50";
const chosen = { "zs-wipe-left": null, "zs-wipe-right": null };
const show = () =>
  element.querySelectorAll(".zs-wipe").forEach((wipe) => {
    wipe.style.setProperty("--at", `${at}%`);
    wipe.querySelector(".zs-wipe-at").value = at;
    for (const [name, title] of Object.entries(chosen)) {
      const select = wipe.querySelector(`.${name}`);
      if ([...select.options].some((option) => option.value === title)) select.value = title;
    }
    const [left, right] = Object.keys(chosen).map((name) => wipe.querySelector(`.${name}`).value);
    wipe.querySelectorAll("[data-side]").forEach((picture) => {
      picture.classList.toggle("zs-under", picture.dataset.side === left);
      picture.classList.toggle("zs-over", picture.dataset.side === right);
    });
  });
element.addEventListener("input", (event) => {
  const { target } = event;
  if (target.matches(".zs-wipe-at")) at = target.value;
  else if (target.matches(".zs-wipe select")) chosen[target.className] = target.value;
  else return;
  show();
});
watch("value", show);
