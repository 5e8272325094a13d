"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const root = document.documentElement;

  // Colours: the system decides until somebody presses the button.
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const tell = () => theme.setAttribute("aria-pressed", String(dark()));
  theme.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    tell();
  });
  system.addEventListener("change", tell);
  theme.hidden = false;
  tell();

  // Rules: the matrix decides what is shown, failures and the rule book follow it.
  const rules = document.getElementById("filters");
  const rows = all("tr.rule");
  const followers = all("[data-row]").filter((element) => !element.matches("tr"));
  const words = (element, name) => element.dataset[name].split(" ");
  const filterRules = () => {
    const data = new FormData(rules);
    const verdicts = data.getAll("verdict");
    const wanted = data.get("text").trim().toLowerCase();
    const shown = new Set();
    for (const row of rows) {
      const fits =
        words(row, "verdict").some((verdict) => verdicts.includes(verdict)) &&
        (!data.get("level") || words(row, "level").includes(data.get("level"))) &&
        (!data.get("subject") || words(row, "subject").includes(data.get("subject"))) &&
        row.dataset.text.includes(wanted);
      row.hidden = !fits;
      if (fits) shown.add(row.dataset.row);
    }
    for (const element of followers) element.hidden = !shown.has(element.dataset.row);
    document.getElementById("shown").textContent = `${shown.size} of ${rows.length} clauses shown`;
  };
  const soon = (action) => {
    let timer = 0;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(action, 60);
    };
  };
  const live = (form, action) => {
    const later = soon(action);
    form.addEventListener("input", later);
    form.addEventListener("change", later);
    form.addEventListener("reset", later);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    action();
  };
  live(rules, filterRules);

  // Scenarios.
  const scenarios = document.getElementById("scenario-filters");
  if (scenarios) {
    const each = all("tr.scenario");
    live(scenarios, () => {
      const data = new FormData(scenarios);
      const wanted = data.get("text").trim().toLowerCase();
      let count = 0;
      for (const row of each) {
        row.hidden = (data.get("finding") && row.dataset.finding !== "yes") || !row.dataset.text.includes(wanted);
        if (!row.hidden) count += 1;
      }
      document.getElementById("scenarios-shown").textContent = `${count} of ${each.length} scenarios shown`;
    });
  }

  // What a link leads to is shown, open, and has the focus.
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]")) {
      rules.reset();
      filterRules();
    }
    if (target.matches("details")) target.open = true;
    target.scrollIntoView();
    if (target.matches("[tabindex]")) target.focus({ preventScroll: true });
  };
  addEventListener("hashchange", open);
  open();

  // Paper has no folds.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const element of folded) element.open = true;
  });
  addEventListener("afterprint", () => {
    for (const element of folded) element.open = false;
  });

  for (const button of all("button.copy")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const label = button.firstChild;
      try {
        await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
        label.data = "Copied";
      } catch {
        label.data = "Select and copy it by hand:";
      }
    });
  }
})();
