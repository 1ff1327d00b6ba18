"use strict";
const one = id => document.getElementById(id);
const sections = [...document.querySelectorAll(".matrix")];
const rows = [...document.querySelectorAll(".matrix tbody tr")];
const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
const boxes = [...document.querySelectorAll("input[name=outcome]")];
const form = one("filters");

function filter() {
  const words = one("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = new Set(boxes.filter(box => box.checked).map(box => box.value));
  const level = one("level").value, place = one("place").value;
  const every = wanted.size === boxes.length;
  const shown = { SECTION: 0, DETAILS: 0 }, all = { SECTION: 0, DETAILS: 0 };
  for (const section of sections) {
    let here = 0;
    for (const row of section.querySelectorAll("tbody tr")) {
      const show = (!place || section.dataset.place === place)
        && (!level || row.dataset.level.split(" ").includes(level))
        && (every || row.dataset.outcomes.split(" ").some(outcome => wanted.has(outcome)))
        && words.every(word => texts.get(row).includes(word));
      row.hidden = !show;
      here += show;
      all[section.tagName] += 1;
    }
    section.hidden = !here;
    shown[section.tagName] += here;
  }
  one("found").textContent = `${shown.SECTION} of ${all.SECTION} requirements, ${shown.DETAILS} of ${all.DETAILS} scenarios`;
}
form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("reset", () => setTimeout(filter));
form.addEventListener("submit", event => event.preventDefault());
filter();

function reveal() {
  const target = location.hash.length > 1 && one(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS" && part.id.startsWith("f") || part.classList.contains("failure")) part.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
reveal();

document.addEventListener("click", async event => {
  const button = event.target.closest("dd > button");
  if (!button) return;
  const code = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
  }
});

let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll(".failure:not([open]), .case:not([open])")];
  for (const part of closed) part.open = true;
});
addEventListener("afterprint", () => { for (const part of closed) part.open = false; });
