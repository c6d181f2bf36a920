// Works for the whole page: marks an answer that is not of the present question, tells of a photo from the camera, keeps
// slider numbers in range, opens tabs and brings cards into sight.
// Gradio runs this once; it replaces parts of the page at will, so everything is looked up again each time.

// ---- an answer that is not of what is asked now
const photoPath = () => {
  const source = document.querySelector("#zs-photo img")?.src ?? "";
  return decodeURIComponent(source.split("/file=")[1] ?? "");
};
const boxText = (id) => document.querySelector(`#${id} textarea`)?.value ?? "";
const isOfThePresentQuestion = (view) =>
  view.dataset.seen === boxText("zs-seen") &&
  view.dataset.unseen === boxText("zs-unseen") &&
  view.dataset.photo === photoPath();
let answered = false;
const markStale = () => {
  const views = [...document.querySelectorAll("#zs-cards .zs-view")].filter((view) => view.offsetParent);
  answered ||= views.length > 0;
  const stale = answered && !(views.length && views.every(isOfThePresentQuestion));
  for (const id of ["zs-answer", "zs-tabs"]) {
    const part = document.getElementById(id);
    if (part && stale !== "stale" in part.dataset) {
      if (stale) part.dataset.stale = "yes";
      else delete part.dataset.stale;
    }
  }
};

// ---- a photo from the camera
let before = null; // the camera was there when a button was clicked: the photo of that moment
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#zs-photo button");
  if (button && document.querySelector("#zs-photo video")) before = photoPath();
}, true);
const tellOfCapture = () => {
  const path = photoPath();
  if (before === null || !path || path === before) return;
  before = null;
  trigger("upload");
};
// ---- the opacity of the paint, which no server needs to know
const showOpacity = () => {
  const value = document.querySelector("#zs-opacity input[type=range]")?.value;
  if (value !== undefined) document.body.style.setProperty("--zs-opacity", value);
};
document.addEventListener("input", (event) => {
  if (event.target.closest?.("#zs-opacity")) requestAnimationFrame(showOpacity); // after Gradio has taken the number over
});

// Text or a photo that arrives in another way than by typing fires no event, so both are looked at on a clock.
setInterval(() => { markStale(); tellOfCapture(); tellCard(); showOpacity(); }, 150);

// ---- the number beside a slider: what is empty or out of range never reaches the server
const isNumber = (target) => target?.matches?.("input[type=number]") && target.closest("#zs-answer, #zs-tabs");
const bounds = (input) => ["min", "max"].map((name) => Number(input[name]));
const isGood = (input) => {
  const [low, high] = bounds(input);
  return !Number.isNaN(input.valueAsNumber) && input.valueAsNumber >= low && input.valueAsNumber <= high;
};
const lastGood = new WeakMap();
const mend = (input) => {
  if (isGood(input)) {
    lastGood.set(input, input.value);
    return;
  }
  const [low, high] = bounds(input);
  const typed = input.valueAsNumber;
  input.value = Number.isNaN(typed) ? lastGood.get(input) ?? low : Math.min(high, Math.max(low, typed));
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
};
document.addEventListener("focusin", ({ target }) => {
  if (isNumber(target) && isGood(target)) lastGood.set(target, target.value);
});
document.addEventListener("input", (event) => {
  if (isNumber(event.target) && !isGood(event.target)) event.stopImmediatePropagation();
}, true);
document.addEventListener("focusout", ({ target }) => { if (isNumber(target)) mend(target); }, true);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && isNumber(event.target)) mend(event.target);
}, true);

// ---- a link of the header that opens a tab
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-open-tab]");
  if (!link) return;
  const tabs = [...document.querySelectorAll('#zs-tabs [role="tab"]')];
  tabs.find((tab) => tab.textContent.trim() === link.dataset.openTab && tab.offsetParent)?.click();
  document.getElementById("zs-tabs").scrollIntoView({ behavior: "smooth" });
});

// ---- buttons that bring a card into sight, and tell which one is
const jumps = () => [...document.querySelectorAll("#zs-jump [data-card]")];
document.addEventListener("click", (event) => {
  const jump = event.target.closest?.("#zs-jump [data-card]");
  const card = jump && document.getElementById(jump.dataset.card);
  card?.parentElement.scrollTo({ left: card.offsetLeft - card.parentElement.offsetLeft, behavior: "smooth" });
});
const tellCard = () => {
  const row = document.getElementById("zs-cards");
  if (!row) return;
  const middle = row.getBoundingClientRect().left + row.clientWidth / 2;
  jumps().forEach((jump) => {
    const box = document.getElementById(jump.dataset.card)?.getBoundingClientRect();
    jump.hidden = !box?.width; // a card that was hidden, or never shown
    if (box && box.left <= middle && middle < box.right) jump.setAttribute("aria-current", "true");
    else jump.removeAttribute("aria-current");
  });
};
document.addEventListener("scroll", tellCard, { capture: true, passive: true });
