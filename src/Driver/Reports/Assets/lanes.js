// What stands left of the time: all charts over time have the same, so that a moment is at one place in all of them.
const gutter = () => isNarrow() ? 110 : 230;

// Rows over time: how much of each in each time between two readings, as shades, and what took long, as bars. One canvas, so that a run of
// any length is drawn at once; a readout below says what lies under the pointer, or under the mark that arrow keys move.
class Lanes {
  constructor(figure, rows, options) {
    [this.rows, this.options, this.figure, this.at] = [rows, options, figure, null];
    this.canvas = document.createElement('canvas');
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', figure.querySelector('figcaption').textContent);
    this.readout = document.createElement('p');
    this.readout.className = 'readout';
    this.readout.setAttribute('aria-live', 'polite');
    figure.append(this.canvas, ...keyOf(rows), this.readout);
    this.canvas.addEventListener('pointermove', event => this.point(event));
    this.canvas.addEventListener('pointerdown', event => { this.from = event.offsetX; });
    this.canvas.addEventListener('pointerup', event => this.drop(event));
    this.canvas.addEventListener('dblclick', () => setView(...wholeRun));
    this.canvas.addEventListener('pointerleave', () => { this.from = null; });
    this.canvas.addEventListener('keydown', event => this.key(event));
    this.say('');
  }

  get gutter() { return gutter(); }
  get width() { return this.canvas.clientWidth; }
  x(second) { return this.gutter + (second - view[0]) / (view[1] - view[0]) * (this.width - this.gutter); }
  second(x) { return view[0] + (x - this.gutter) / (this.width - this.gutter) * (view[1] - view[0]); }

  draw() {
    const [ratio, width, height] = [devicePixelRatio || 1, this.figure.clientWidth, this.rows.length * Lanes.row + 22];
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    [this.canvas.width, this.canvas.height] = [width * ratio, height * ratio];
    const pen = this.canvas.getContext('2d');
    pen.scale(ratio, ratio);
    pen.clearRect(0, 0, width, height);
    pen.font = '12px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    this.rows.forEach((row, i) => this.drawRow(pen, row, i * Lanes.row));
    this.drawTicks(pen, height);
    if (this.at && document.activeElement === this.canvas) this.drawMark(pen);
  }

  drawRow(pen, row, top) {
    const middle = top + Lanes.row / 2;
    pen.fillStyle = style('--text');
    pen.globalAlpha = 1;
    pen.fillText(shorten(pen, row.label, this.gutter - 8), 0, middle);
    pen.fillStyle = style('--soft');
    pen.fillRect(this.gutter, top + 1, this.width - this.gutter, Lanes.row - 2);
    pen.save();
    pen.beginPath();
    pen.rect(this.gutter, top, this.width - this.gutter, Lanes.row);
    pen.clip();
    const most = this.options.most ?? Math.max(...(row.cells ?? []).filter(value => value != null), 1e-9);
    pen.fillStyle = style(row.colour ?? '--measured');
    (row.cells ?? []).forEach((value, i) => {
      if (!(value > 0) || moments[i] < view[0] || moments[i - 1] > view[1]) return;
      pen.globalAlpha = Math.max(0.08, Math.sqrt(Math.min(1, value / most)));
      const [from, to] = [this.x(moments[i - 1]), this.x(moments[i])];
      pen.fillRect(from, top + 1, Math.max(1, to - from), Lanes.row - 2);
    });
    pen.globalAlpha = 1;
    for (const bar of row.bars ?? []) {
      if (bar.to < view[0] || bar.from > view[1]) continue;
      pen.fillStyle = style(bar.colour);
      pen.globalAlpha = bar.thin ? 0.6 : 1;
      const from = Math.max(this.x(bar.from), this.gutter - 1);
      pen.fillRect(from, top + (bar.thin ? 6 : 3), Math.max(2, this.x(bar.to) - from), bar.thin ? Lanes.row - 12 : Lanes.row - 6);
    }
    pen.restore();
  }

  drawTicks(pen, height) {
    pen.fillStyle = style('--quiet');
    pen.textAlign = 'center';
    const least = (view[1] - view[0]) / (isNarrow() ? 4 : 12);
    const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000].find(one => one >= least) ?? least;
    for (let i = Math.ceil(view[0] / step); i * step <= view[1]; i++) {
      const x = this.x(i * step);
      pen.textAlign = x > this.width - 20 ? 'right' : x < this.gutter + 20 ? 'left' : 'center';
      pen.fillText(`${+(i * step).toFixed(3)} s`, x, height - 10);
    }
    pen.textAlign = 'left';
  }

  drawMark(pen) {
    pen.strokeStyle = style('--text');
    pen.lineWidth = 2;
    pen.strokeRect(this.x(moments[this.at.moment - 1]), this.at.row * Lanes.row + 1, Math.max(3, this.x(moments[this.at.moment]) - this.x(moments[this.at.moment - 1])), Lanes.row - 2);
  }

  point(event) {
    const [row, second] = [Math.floor(event.offsetY / Lanes.row), this.second(event.offsetX)];
    const near = 3 * (view[1] - view[0]) / Math.max(1, this.width - this.gutter);
    this.say(row >= 0 && row < this.rows.length && event.offsetX >= this.gutter ? this.text(row, second, near) : '');
  }

  drop(event) {
    if (this.from != null && Math.abs(event.offsetX - this.from) > 8) setView(...[this.second(Math.max(this.gutter, this.from)), this.second(Math.max(this.gutter, event.offsetX))].sort((a, b) => a - b));
    this.from = null;
  }

  text(number, second, near) {
    const row = this.rows[number];
    const bar = (row.bars ?? []).filter(one => one.from <= second + near && one.to >= second - near).sort((a, b) => (a.to - a.from) - (b.to - b.from))[0];
    if (bar) return `${row.label}, ${bar.from.toFixed(3)} s: ${bar.kind === 'operation' ? '' : `${bar.kind}, `}${bar.to > bar.from ? `${seconds(bar.to - bar.from)}, ` : ''}${bar.text}`;
    const moment = moments.findIndex(at => at >= second);
    const value = moment > 0 ? row.cells?.[moment] : null;
    return value == null ? row.label : `${row.label}, ${moments[moment - 1].toFixed(1)} to ${moments[moment].toFixed(1)} s: ${this.options.value(value)}`;
  }

  key(event) {
    if (zoomByKey(event)) return;
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!steps || moments.length < 2) return;
    event.preventDefault();
    const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
    this.at ??= { row: 0, moment: Math.max(1, moments.findIndex(at => at > view[0])) };
    this.at = { row: clamp(this.at.row + steps[0], 0, this.rows.length - 1), moment: clamp(this.at.moment + steps[1], 1, moments.length - 1) };
    const middle = (moments[this.at.moment] + moments[this.at.moment - 1]) / 2;
    if (middle < view[0] || middle > view[1]) setView(middle - (view[1] - view[0]) / 2, middle + (view[1] - view[0]) / 2);
    this.draw();
    this.say(this.text(this.at.row, middle, (moments[this.at.moment] - moments[this.at.moment - 1]) / 2));
  }

  say(text) { this.readout.textContent = text || '\u00a0'; }
}
Lanes.row = 20;

// Which colour is which kind of bar.
function keyOf(rows) {
  const kinds = new Map(rows.flatMap(row => row.bars ?? []).filter(bar => !bar.thin).map(bar => [bar.kind, bar.colour]));
  if (kinds.size === 0) return [];
  const key = document.createElement('p');
  key.className = 'key';
  for (const [kind, colour] of kinds) {
    const [entry, square] = [document.createElement('span'), document.createElement('i')];
    square.style.background = `var(${colour})`;
    entry.append(square, ` ${kind}`);
    key.append(entry, ' ');
  }
  return [key];
}

function shorten(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  while (text.length > 1 && pen.measureText(text + '…').width > width) text = text.slice(0, -1);
  return text + '…';
}
