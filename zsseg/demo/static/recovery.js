// A click on a picture of features compares its patch with all others.
element.addEventListener("click", (event) => {
  const picture = event.target.closest(".zs-features img");
  if (!picture) return;
  const box = picture.getBoundingClientRect();
  const inside = (value) => Math.min(0.9999, Math.max(0, value));
  const point = { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  trigger("click", { x: inside(point.x), y: inside(point.y) });
});
