// Without it the page shows every run.
(function () {
  "use strict";
  var box = document.getElementById("search"), told = document.getElementById("found");
  var rows = Array.prototype.slice.call(document.querySelectorAll("#runs tbody tr"));
  var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
  function show() {
    var words = box.value.toLowerCase().split(/\s+/), found = 0;
    rows.forEach(function (row, at) {
      row.hidden = !words.every(function (word) { return texts[at].indexOf(word) >= 0; });
      found += row.hidden ? 0 : 1;
    });
    told.textContent = found + " of " + rows.length + " runs";
  }
  document.getElementById("searching").hidden = false;
  box.addEventListener("input", show);
  show();
})();
