"use strict";
const said = document.getElementById("said");

/** Opens what the address' fragment names, and all around it: not every browser does. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let each = target; each; each = each.parentElement) {
    if (each.tagName === "DETAILS") each.open = true;
  }
  if (target) target.scrollIntoView();
}

/** The Clipboard API is not there for files in every browser. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.body.appendChild(document.createElement("textarea"));
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await copy(button.previousElementSibling.textContent);
  button.focus();
  button.textContent = "copied";
  said.textContent = "Copied.";
  setTimeout(() => { button.textContent = "copy"; said.textContent = ""; }, 1500);
});
addEventListener("hashchange", openTarget);
// A printed handout shows the claims of each chapter, their evidence closed.
const closed = [];
addEventListener("beforeprint", () => {
  for (const chapter of document.querySelectorAll("details.chapter:not([open])")) {
    chapter.open = true;
    closed.push(chapter);
  }
});
addEventListener("afterprint", () => { while (closed.length) closed.pop().open = false; });
openTarget();
