// Comfort only: filters, theme, copy buttons. Without it the page shows everything.
(function () {
  "use strict";
  var root = document.documentElement;
  function byId(id) { return document.getElementById(id); }
  function each(selector, act) { Array.prototype.forEach.call(document.querySelectorAll(selector), act); }
  function remembered(value) {
    // Storage is refused for files in some browsers; the choice then lasts as long as the page.
    try {
      if (value) { localStorage.setItem("seatrial-theme", value); }
      return localStorage.getItem("seatrial-theme");
    } catch (refused) { return value || null; }
  }

  var theme = byId("theme");
  function isDark() {
    var chosen = root.getAttribute("data-theme");
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function named() { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-label", "Switch to the " + theme.textContent.toLowerCase() + " theme"); }
  var before = remembered();
  if (before === "dark" || before === "light") { root.setAttribute("data-theme", before); }
  theme.addEventListener("click", function () {
    var next = isDark() ? "light" : "dark";
    root.setAttribute("data-theme", next);
    remembered(next);
    named();
  });
  theme.hidden = false;
  named();

  function copied(button, done) {
    button.textContent = done ? "copied" : "select it";
    setTimeout(function () { button.textContent = "copy"; }, 1500);
  }
  function copyByHand(text) {
    var area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    document.body.appendChild(area);
    area.select();
    var done = document.execCommand("copy");
    area.remove();
    return done;
  }
  each(".copy", function (button) {
    button.hidden = false;
    button.setAttribute("aria-label", "Copy " + button.getAttribute("data-copy").slice(0, 40));
    button.addEventListener("click", function () {
      var text = button.getAttribute("data-copy");
      if (navigator.clipboard && window.isSecureContext) {
        navigator.clipboard.writeText(text).then(
          function () { copied(button, true); },
          function () { copied(button, copyByHand(text)); });
      } else { copied(button, copyByHand(text)); }
    });
  });

  var filters = byId("filters");
  var fields = { text: byId("f-text"), suite: byId("f-suite"), standing: byId("f-standing"), level: byId("f-level") };
  var openAtFirst = [];
  each(".suite", function (suite) { openAtFirst.push(suite.open); });
  function filter() {
    var words = fields.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    var active = words.length || fields.suite.value || fields.standing.value || fields.level.value;
    var shown = 0, total = 0, index = 0;
    each(".suite", function (suite) {
      var here = 0;
      var right = !fields.suite.value || suite.getAttribute("data-suite") === fields.suite.value;
      Array.prototype.forEach.call(suite.querySelectorAll("tbody > tr"), function (row) {
        var text = row.textContent.toLowerCase();
        var match = right &&
          (!fields.standing.value || row.getAttribute("data-standing") === fields.standing.value) &&
          (!fields.level.value || row.getAttribute("data-level") === fields.level.value) &&
          words.every(function (word) { return text.indexOf(word) >= 0; });
        row.hidden = !match;
        total += 1;
        if (match) { here += 1; }
      });
      suite.hidden = Boolean(active) && !here;
      suite.open = active ? here > 0 : openAtFirst[index];
      index += 1;
      shown += here;
    });
    byId("f-count").textContent = active ? shown + " of " + total + " clauses shown" : "";
  }
  filters.hidden = false;
  filters.addEventListener("input", filter);
  filters.addEventListener("change", filter);
  filters.addEventListener("submit", function (event) { event.preventDefault(); });
  filters.addEventListener("reset", function () { setTimeout(filter, 0); });

  function reveal() {
    var target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
    if (!target) { return; }
    var fold = target.closest("details");
    if (fold) { fold.open = true; target.scrollIntoView(); }
  }
  addEventListener("hashchange", reveal);
  reveal();

  addEventListener("beforeprint", function () { each("details", function (fold) { fold.open = true; }); });
}());
