// Sliders that move a point along the curve, by coverage or by a cost.
"use strict";

(() => {
  const root = document.querySelector(".sq-page");
  const facts = JSON.parse(document.getElementById("sq-facts").textContent);
  if (!facts) return;

  const { points, said, start, units } = facts;
  const last = points.coverage.length - 1;
  const sliders = [...root.querySelectorAll(".sq-sliders input")];
  const percent = (share) => {
    const text = (100 * share).toFixed(1);
    return `${text.endsWith(".0") ? text.slice(0, -2) : text}\u00a0%`;
  };
  const number = (value) => {
    if (value === null) return "overload";
    if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
    return String(Number(value.toPrecision(3)));
  };
  const withUnit = (name, i) => {
    if (name === "coverage") return percent(points.coverage[i]);
    const unit = units[name];
    return number(points[name][i]) + (unit ? `\u00a0${unit}` : "");
  };
  const interval = (i) =>
    `[${[points.low, points.high].map((end) => (100 * end[i]).toFixed(1)).join(", ")}]`;

  // Moving a slider to the right increases the quantity that it is named for.
  const place = (slider, i) => (slider.dataset.falls ? last - i : i);

  function show(i) {
    root.querySelector(".sq-said").textContent = said[i];
    for (const value of root.querySelectorAll(".sq-figures [data-name]")) {
      const { name } = value.dataset;
      if (name === "accuracy") value.textContent = percent(points.accuracy[i]);
      else if (name === "interval") value.textContent = interval(i);
      else if (name === "queries") {
        value.textContent = number(1000 * (1 - points.coverage[i]));
      } else value.textContent = withUnit(name, i);
    }
    for (const slider of sliders) {
      const text = withUnit(slider.dataset.name, i);
      slider.value = place(slider, i);
      slider.setAttribute("aria-valuetext", text);
      slider.parentElement.querySelector("b").textContent = text;
    }
    for (const svg of root.querySelectorAll("svg.sq-chart")) {
      const { x0, dx, y0, dy, bottom } = JSON.parse(svg.dataset.scale);
      const x = x0 + dx * points.coverage[i];
      const y = y0 + dy * points.accuracy[i];
      const point = svg.querySelector(".sq-point");
      point.setAttribute("cx", x);
      point.setAttribute("cy", y);
      const drop = svg.querySelector(".sq-drop");
      for (const [name, value] of Object.entries({ x1: x, x2: x, y1: y, y2: bottom })) {
        drop.setAttribute(name, value);
      }
    }
  }

  for (const slider of sliders) {
    slider.max = last;
    slider.addEventListener("input", () => show(place(slider, Number(slider.value))));
  }
  root.querySelector(".sq-controls button").addEventListener("click", () => show(start));
  root.querySelector(".sq-controls").hidden = false;
  show(start);
})();
