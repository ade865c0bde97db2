// A waveform: a shape of 120 columns, and the same shape up to where the clip is played.
const MIDDLE = 16;

export function drawWave(item, base64) {
  const peaks = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const shape = [...peaks].map((peak, column) => {
    const height = Math.max(1, (peak / 255) ** 0.7 * 30);
    return `M${column + 0.5} ${(MIDDLE - height / 2).toFixed(1)}v${height.toFixed(1)}`;
  });
  item.querySelector(".shape").setAttribute("d", shape.join(""));
  item.shape = shape;
  playedPart(item, 0);
}

export function playedPart(item, part) {
  if (!item?.shape) return;
  item.querySelector(".played").setAttribute("d", item.shape.slice(0, Math.round(part * item.shape.length)).join(""));
}
