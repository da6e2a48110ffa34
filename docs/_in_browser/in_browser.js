// Runs an ONNX file on drawn or stored digits, which the base keeps or queries.
"use strict";

const SIDE = 8; // the model sees 8 by 8 counts of 0 to 16,
const FINE = 32; // of pixels that are set in a bitmap of 32 by 32
const MARGIN = 2; // between the middle of a stroke and the bitmap's edge

// Strokes are lists of points. The drawing is scaled to the height of the bitmap and
// centred; the `ink` pixels next to a stroke are set, as each digit of the data set has
// about so many.
function countsOf(strokes, ink) {
  const points = strokes.flat();
  const [low, high] = [Math.min, Math.max].map((end) =>
    [0, 1].map((axis) => end(...points.map((point) => point[axis])))
  );
  const size = Math.max(high[0] - low[0], high[1] - low[1], 1);
  const toBitmap = ([x, y]) =>
    [x, y].map(
      (value, axis) =>
        FINE / 2 +
        ((value - (low[axis] + high[axis]) / 2) / size) * (FINE - 2 * MARGIN)
    );
  const segments = strokes.flatMap((stroke) => {
    const placed = stroke.map(toBitmap);
    return placed.map((point, i) => [placed[Math.max(i - 1, 0)], point]);
  });
  const pixels = Array.from({ length: FINE * FINE }, (_, i) => {
    const [x, y] = [i % FINE, Math.floor(i / FINE)];
    const distances = segments.map((segment) => distanceTo(segment, x + 0.5, y + 0.5));
    return { x, y, distance: Math.min(...distances) };
  });
  pixels.sort((a, b) => a.distance - b.distance);
  const counts = new Float32Array(SIDE * SIDE);
  const block = FINE / SIDE;
  for (const { x, y } of pixels.slice(0, ink)) {
    counts[Math.floor(y / block) * SIDE + Math.floor(x / block)] += 1;
  }
  return counts;
}

function distanceTo([[ax, ay], [bx, by]], x, y) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1);
  const t = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function unpacked(base64) {
  const stream = new Blob([bytesOf(base64)]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

function loadScript(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.onload = resolve;
    script.onerror = () =>
      reject(new Error("this copy of the page was built without npm or a network"));
    script.src = source;
    document.head.append(script);
  });
}

// counts -> { label, score, queried }
async function openModel(runtime, model) {
  await loadScript(runtime);
  const parts = window.onnxruntimeParts;
  const module = new Blob([await unpacked(parts.module)], { type: "text/javascript" });
  const ort = await import(URL.createObjectURL(module));
  ort.env.wasm.wasmBinary = await unpacked(parts.wasm);
  ort.env.wasm.numThreads = 1;
  delete window.onnxruntimeParts;
  const session = await ort.InferenceSession.create(bytesOf(model));
  return async (counts) => {
    const X = new ort.Tensor("float32", counts, [1, counts.length]);
    const { label, score, queried } = await session.run({ X });
    return {
      label: String(label.data[0]),
      score: score.data[0],
      queried: Boolean(queried.data[0]),
    };
  };
}

function paintCounts(canvas, counts) {
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  counts.forEach((count, i) => {
    const grey = Math.round(255 * (1 - count / 16));
    image.data.set([grey, grey, grey, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
}

// Calls back with all strokes after each; what is returned clears the paper.
function listenToDrawing(canvas, onStroke) {
  const context = canvas.getContext("2d");
  const scale = () => canvas.width / canvas.getBoundingClientRect().width;
  let strokes = [];
  let isDrawing = false;
  const clear = () => {
    strokes = [];
    context.clearRect(0, 0, canvas.width, canvas.height);
  };
  const extend = (event) => {
    const stroke = strokes.at(-1);
    const point = [event.offsetX * scale(), event.offsetY * scale()];
    const [x, y] = stroke.at(-1) ?? point;
    stroke.push(point);
    Object.assign(context, { lineWidth: 26, lineCap: "round" });
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(...point);
    context.stroke();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    isDrawing = true;
    strokes.push([]);
    extend(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (isDrawing && event.isPrimary) extend(event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (!isDrawing || !event.isPrimary) return;
      isDrawing = false;
      onStroke(strokes);
    });
  }
  return clear;
}

async function start(root) {
  const part = (name) => root.querySelector(`.ib-${name}`);
  const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
  const facts = JSON.parse(part("facts").textContent);
  const slider = part("slider");
  let shown; // { sample or null, answer }

  function show() {
    const { sample, answer } = shown;
    const { asked, threshold, coverage, accuracy } = facts.points[slider.value];
    // The file's threshold is that of its own point; other points cut its score here.
    const isOwn = Number(slider.value) === facts.start;
    const queried = isOwn ? answer.queried : answer.score > threshold;
    part("asked").textContent = `${Math.round(100 * asked)}\u00a0%`;
    slider.setAttribute("aria-valuetext", part("asked").textContent);
    part("held-out").textContent =
      `Of ${facts.rows} held-out digits, the base kept ${percent(coverage)}; base and ` +
      `cloud together were right on ${percent(accuracy)}.`;
    part("result").dataset.queried = queried;
    part("label").textContent = answer.label;
    part("verdict").textContent = queried ? "Asks the cloud" : "The base answers";
    part("score").textContent =
      `Score ${answer.score.toFixed(4)} is ${queried ? "above" : "not above"} the ` +
      `threshold ${threshold.toFixed(4)}.`;
    part("truth").textContent = sample
      ? `The true digit is ${sample.truth}; the cloud would answer ${sample.cloud}.`
      : "Drawn by you. No cloud is connected to this page.";
    part("fill").style.width = `${100 * answer.score}%`;
    part("mark").style.left = `${100 * threshold}%`;
  }

  const decide = await openModel(root.dataset.runtime, facts.model);

  async function take(counts, sample) {
    paintCounts(part("seen"), counts);
    for (const button of part("samples").children) {
      button.setAttribute("aria-pressed", button.sample === sample);
    }
    shown = { sample, answer: await decide(counts) };
    show();
  }

  const clear = listenToDrawing(part("paper"), (strokes) =>
    take(countsOf(strokes, facts.ink), null)
  );
  part("clear").addEventListener("click", clear);
  facts.samples.forEach((sample, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.sample = sample;
    button.setAttribute("aria-label", `Stored digit ${i + 1}: ${sample.truth}`);
    const picture = document.createElement("canvas");
    paintCounts(picture, sample.pixels);
    button.append(picture);
    button.addEventListener("click", () => {
      clear();
      take(Float32Array.from(sample.pixels), sample);
    });
    part("samples").append(button);
  });
  slider.max = facts.points.length - 1;
  slider.value = facts.start;
  slider.addEventListener("input", show);
  const [first] = facts.samples;
  await take(Float32Array.from(first.pixels), first);
  part("status").hidden = true;
  part("panel").hidden = false;
}

for (const root of document.querySelectorAll(".in-browser")) {
  start(root).catch((error) => {
    root.querySelector(".ib-status").textContent =
      `The model does not run here: ${error.message}.`;
  });
}
