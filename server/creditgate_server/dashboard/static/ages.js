// Lets lengths of time go on while a page stands still. Everything is said by attributes:
//
//   <span data-age="SECONDS">    so long it had lasted when it was written, and lasts on
//   <span data-left="SECONDS">   so long it had to go
//
// They are written as the server writes them, by their two largest units.
"use strict";

(() => {
  const UNITS = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const since = new WeakMap();

  function written(seconds) {
    const words = [];
    for (const [size, unit] of UNITS) {
      const number = Math.floor(seconds / size);
      seconds -= number * size;
      if (number) words.push(`${number} ${unit}`);
      else if (words.length) break;
    }
    return words.slice(0, 2).join(" ") || "0 s";
  }

  function passed(element) {
    if (!since.has(element)) since.set(element, performance.now());
    return Math.floor((performance.now() - since.get(element)) / 1000);
  }

  function tick() {
    for (const each of document.querySelectorAll("[data-age]")) {
      each.textContent = written(Number(each.dataset.age) + passed(each));
    }
    for (const each of document.querySelectorAll("[data-left]")) {
      each.textContent = written(Math.max(0, Number(each.dataset.left) - passed(each)));
    }
  }

  setInterval(() => document.hidden || tick(), 1000);
})();
