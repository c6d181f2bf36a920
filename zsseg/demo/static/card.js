// Works one method's answer: a row of the legend isolates its class in all answers, its chip switches the class, the
// pointer shows the three best scores at its place in all answers, a click reads every score there.
// Gradio runs this once with `element`, `trigger` and `watch`; the content inside is replaced at every redraw.
const everywhere = (selector) => document.querySelectorAll(`#zs-cards ${selector}`);
const rowOf = (event) => event.target.closest?.(".zs-row[data-name]") ?? null;
let focused = null;

// ---- one class alone, in all answers; a tap on its name keeps it so until the next tap
const isolate = (name) => {
  const shown = name ?? window.zssegPinned ?? null;
  everywhere(".zs-row[data-name]").forEach((row) => {
    const on = row.dataset.name === shown;
    row.classList.toggle("zs-pinned", on && window.zssegPinned === shown);
    const card = row.closest(".zs-card");
    card.querySelector(`.zs-iso[data-k="${row.dataset.k}"]`)?.classList.toggle("zs-on", on);
  });
};
element.addEventListener("mouseover", (event) => isolate(rowOf(event)?.dataset.name ?? null));
element.addEventListener("mouseleave", () => isolate(null));
element.addEventListener("focusin", (event) => {
  const row = rowOf(event);
  focused = row?.dataset.k ?? null;
  isolate(row?.dataset.name ?? null);
});
element.addEventListener("focusout", () => isolate(null));

// ---- the best scores under the pointer
const decoded = new WeakMap();
const topOf = (view) => {
  const source = view.dataset.top; // a redraw may keep the node
  if (decoded.get(view)?.source !== source) {
    const top = JSON.parse(source);
    const bytes = Uint8Array.from(atob(top.data), (letter) => letter.charCodeAt(0));
    decoded.set(view, { ...top, source, bytes });
  }
  return decoded.get(view);
};
const lineAt = (view, x, y) => {
  const { rows, cols, best, names, threshold, bytes } = topOf(view);
  const cell = Math.min(rows - 1, Math.floor(y * rows)) * cols + Math.min(cols - 1, Math.floor(x * cols));
  const lines = [];
  for (let rank = 0; rank < best; rank++) {
    const at = 2 * (cell * best + rank);
    lines.push([names[bytes[at]], bytes[at + 1] / 255]);
  }
  const none = Math.max(...lines.map(([, score]) => score)) < threshold - 0.002;
  return [...lines.map(([name, score]) => `${name} ${score.toFixed(2)}`), ...(none ? ["left unpainted"] : [])];
};
const showTips = (x, y) =>
  everywhere(".zs-view[data-top]").forEach((view) => {
    const tip = view.querySelector(".zs-tip");
    tip.textContent = lineAt(view, x, y).join("\n");
    tip.style.display = "block";
    // Beside the pointer, and whole also in a narrow card.
    const beside = x < 0.5 ? x * view.clientWidth + 14 : x * view.clientWidth - 14 - tip.offsetWidth;
    tip.style.left = `${Math.max(4, Math.min(beside, view.clientWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = y < 0.5 ? `calc(${100 * y}% + 14px)` : "auto";
    tip.style.bottom = y < 0.5 ? "auto" : `calc(${100 * (1 - y)}% + 14px)`;
  });
const hideTips = () => everywhere(".zs-tip").forEach((tip) => { tip.style.display = "none"; });
element.addEventListener("pointermove", (event) => {
  const view = event.target.closest?.(".zs-view");
  if (!view) return hideTips();
  const box = view.getBoundingClientRect();
  const inside = (value) => Math.min(0.9999, Math.max(0, value));
  showTips(inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height));
});
element.addEventListener("pointerleave", hideTips);

// ---- the point that was clicked, the same in all answers
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
  const row = rowOf(event);
  if (toggle) trigger("select", { index: Number(toggle.dataset.k) });
  else if (row) {
    window.zssegPinned = window.zssegPinned === row.dataset.name ? null : row.dataset.name;
    isolate(null);
  } else if (view) {
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
  isolate(null);
  // The rows are sorted again, and the node that had the focus may be gone or serve another row now.
  const active = document.activeElement;
  if (focused !== null && (active === document.body || element.contains(active)))
    element.querySelector(`.zs-toggle[data-k="${focused}"]`)?.focus();
});
