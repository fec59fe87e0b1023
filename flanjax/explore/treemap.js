// Squarified treemap (Bruls, Huizing and van Wijk 2000): [{size}], box -> [{x, y, w, h}], in the order of the items.
const squarify = (items, box) => {
  const order = items.map((_, i) => i).sort((a, b) => items[b].size - items[a].size);
  const total = items.reduce((sum, item) => sum + item.size, 0) || 1;
  const area = i => items[i].size / total * box.w * box.h;
  const placed = Array(items.length);
  let { x, y, w, h } = box, at = 0;
  const worst = (sum, most, least, side) => Math.max(side * side * most / (sum * sum), sum * sum / (side * side * least));
  while (at < order.length) {
    const side = Math.max(Math.min(w, h), 1e-6), most = Math.max(area(order[at]), 1e-9);
    let sum = most, end = at + 1;
    for (; end < order.length; end++) {
      const next = Math.max(area(order[end]), 1e-9), last = Math.max(area(order[end - 1]), 1e-9);
      if (worst(sum + next, most, next, side) > worst(sum, most, last, side)) break;
      sum += next;
    }
    const thick = sum / side, across = w >= h;
    let along = 0;
    for (const i of order.slice(at, end)) {
      const length = Math.max(area(i), 1e-9) / thick;
      placed[i] = across ? { x, y: y + along, w: thick, h: length } : { x: x + along, y, w: length, h: thick };
      along += length;
    }
    if (across) { x += thick; w -= thick; } else { y += thick; h -= thick; }
    at = end;
  }
  return placed;
};
