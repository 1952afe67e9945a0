// Sends chosen files one by one, so that each gets its own result at once and one that fails stops none of the others.
// Without this script the form sends them together.

const form = document.getElementById("files");
const rows = document.getElementById("rows");
const progress = document.getElementById("progress");

const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

function refused(name, why) {
  const row = document.createElement("tr");
  row.className = "is-alarm";
  for (const words of [name, "", why]) row.append(Object.assign(document.createElement("td"), { textContent: words }));
  rows.append(row);
}

async function send(file) {
  if (file.size > Number(form.dataset.limit)) return refused(file.name, form.dataset.tooLarge);
  const body = new FormData(form);
  body.delete("files");
  body.append("files", file);
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.redirected) return refused(file.name, answer.status === 413 ? form.dataset.tooLarge : form.dataset.failed);
    rows.insertAdjacentHTML("beforeend", await answer.text());
  } catch {
    refused(file.name, form.dataset.failed);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const files = [...form.elements.files.files];
  const button = form.querySelector("button");
  button.disabled = true;
  document.getElementById("outcome").hidden = false;
  for (const [n, file] of files.entries()) {
    progress.textContent = fill(form.dataset.progress, { n: n + 1, of: files.length });
    await send(file);
  }
  progress.textContent = fill(form.dataset.done, { of: files.length });
  form.elements.files.value = "";
  button.disabled = false;
});
