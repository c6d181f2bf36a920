// The wipe: one number says where the upper picture begins; it outlives a redraw.
let at = "50";
const show = () =>
  element.querySelectorAll(".zs-wipe").forEach((wipe) => {
    wipe.style.setProperty("--at", `${at}%`);
    wipe.querySelector(".zs-wipe-at").value = at;
  });
element.addEventListener("input", (event) => {
  if (event.target.matches(".zs-wipe-at")) { at = event.target.value; show(); }
});
watch("value", show);
