(() => {
  "use strict";
  const area = document.getElementById("map-area");
  const cross = document.getElementById("map-cross");
  const value = document.getElementById("map-value");
  const [question, answer, aside] = value.children;
  const { steps, targets, sizes, noises, psnr, wanted } = JSON.parse(
    document.getElementById("map-values").textContent,
  );
  let [column, row] = wanted
    ? [nearest(steps, wanted[0]), nearest(targets, wanted[1])]
    : [Math.floor(steps.length / 3), Math.floor(targets.length / 3)];

  function nearest(values, wish) {
    const away = values.map((value) => Math.abs(value - wish));
    return away.indexOf(Math.min(...away));
  }

  function share(values, at) {
    const half = (values[1] - values[0]) / 2;
    return (at - values[0] + half) / (values[values.length - 1] - values[0] + 2 * half);
  }

  const within = (index, count) => Math.min(count - 1, Math.max(0, index));

  function words(size) {
    if (size === 0) return "no size reaches it";
    return size < 0 ? "not known" : size.toLocaleString("en") + " parameters";
  }

  function show(toColumn, toRow) {
    column = within(toColumn, steps.length);
    row = within(toRow, targets.length);
    place(steps[column], targets[row], sizes[row][column], noises[column], psnr[column]);
  }

  function place(step, target, size, noise, ratio) {
    const x = share(steps, step);
    const y = share(targets, target);
    cross.style.left = 100 * x + "%";
    cross.style.bottom = 100 * y + "%";
    question.textContent = `${target} at ${noise}`;
    answer.textContent = words(size);
    aside.textContent = ratio || "";
    aside.hidden = !ratio;
    cross.hidden = value.hidden = false;
    value.style.left = 100 * x + "%";
    value.style.bottom = 100 * y + "%";
    value.style.transform = `translate(${-100 * x}%, ${y > 0.2 ? "calc(100% + 14px)" : "-14px"})`;
    uncover();
  }

  function uncover() {
    const over = value.getBoundingClientRect();
    for (const note of area.querySelectorAll(".note")) {
      const box = note.getBoundingClientRect();
      const apart = box.right < over.left || over.right < box.left
        || box.bottom < over.top || over.bottom < box.top;
      note.style.visibility = apart ? "visible" : "hidden";
    }
  }

  area.addEventListener("pointermove", (event) => {
    const box = area.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (box.bottom - event.clientY) / box.height;
    show(Math.floor(x * steps.length), Math.floor(y * targets.length));
  });
  area.addEventListener("pointerdown", (event) => {
    area.dispatchEvent(new PointerEvent("pointermove", event));
  });
  area.addEventListener("focus", () => show(column, row));
  area.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const far = event.shiftKey ? 5 : 1;
    show(column + far * move[0], row + far * move[1]);
  });
  if (wanted) place(...wanted);
})();
