// Works one method's answer: hover or focus isolates a class, its chip switches it, the photo can be probed.
// Gradio runs this once with `element`, `trigger` and `watch`; the content inside is replaced at every redraw.
const layers = (k) =>
  element.querySelectorAll(".zs-iso").forEach((layer) => layer.classList.toggle("zs-on", layer.dataset.k === k));
const keyOf = (event) => event.target.closest?.(".zs-row[data-k]")?.dataset.k ?? null;
let focused = null;

element.addEventListener("mouseover", (event) => layers(keyOf(event)));
element.addEventListener("mouseleave", () => layers(null));
element.addEventListener("focusin", (event) => { focused = keyOf(event); layers(focused); });
element.addEventListener("focusout", () => layers(null));

// Both methods show the same point.
const place = () => {
  const point = window.zssegPoint;
  document.querySelectorAll(".zs-cross").forEach((cross) => {
    cross.style.display = point ? "block" : "none";
    if (point) { cross.style.left = `${100 * point.x}%`; cross.style.top = `${100 * point.y}%`; }
  });
};
const pickPixel = (x, y) => {
  const inside = (value) => Math.min(0.9999, Math.max(0, value));
  window.zssegPoint = { x: inside(x), y: inside(y) };
  place();
  trigger("click", window.zssegPoint);
};

element.addEventListener("click", (event) => {
  const toggle = event.target.closest(".zs-toggle");
  const view = event.target.closest(".zs-view");
  if (toggle) trigger("select", { index: Number(toggle.dataset.k) });
  else if (view) {
    const box = view.getBoundingClientRect();
    pickPixel((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }
});
element.addEventListener("keydown", (event) => {
  if (!event.target.matches?.(".zs-view")) return;
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Enter: [0, 0] };
  const step = steps[event.key];
  if (!step) return;
  event.preventDefault();
  const from = window.zssegPoint ?? { x: 0.5, y: 0.5 };
  pickPixel(from.x + 0.02 * step[0], from.y + 0.02 * step[1]);
});
watch("value", () => {
  place();
  if (focused !== null && document.activeElement === document.body)
    element.querySelector(`.zs-toggle[data-k="${focused}"]`)?.focus();
});
