// The charts over time. All show the same part of the run: to look closer at one is to look closer at all.
const wholeRun = [0, Math.max(0.001, moments.at(-1) ?? 0)];
let view = wholeRun;
const drawn = new Map();

function setView(from, to) {
  const span = Math.min(Math.max(0.02, to - from), wholeRun[1]);
  from = Math.max(0, Math.min(from, wholeRun[1] - span));
  view = [from, from + span];
  for (const chart of drawn.values()) {
    if (chart instanceof Lanes) chart.draw();
    else if (chart.isTimeline) chart.setScale('x', { min: view[0], max: view[1] });
  }
}

function zoom(how) {
  const [from, to] = view;
  const span = to - from;
  const views = {
    in: [from + span / 4, to - span / 4], out: [from - span / 2, to + span / 2],
    left: [from - span / 4, to - span / 4], right: [from + span / 4, to + span / 4], all: wholeRun,
  };
  setView(...views[how]);
}

// True for a key that looks closer, wider, or at the whole run.
function zoomByKey(event) {
  const how = { '+': 'in', '=': 'in', '-': 'out', '0': 'all' }[event.key];
  if (!how || event.ctrlKey || event.metaKey || event.altKey) return false;
  event.preventDefault();
  zoom(how);
  return true;
}

function drawLines(figure, group) {
  const [series, colours] = [seriesOf(group), palette()];
  const plot = new uPlot({
    width: figure.clientWidth,
    height: 180,
    padding: [8, 1, 0, 0],
    cursor: { sync: { key: 'run' }, drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => setView(...wholeRun) } },
    scales: { x: { time: false, min: view[0], max: view[1] }, y: { range: (_, least, most) => [0, most > 0 ? most * 1.05 : 1] } },
    axes: [axis({ values: (_, at) => at.map(value => `${+value.toFixed(3)} s`) }), axis({ size: gutter(), values: (_, at) => at.map(count) })],
    series: [
      { label: 'time', value: (_, value) => seconds(value) },
      ...series.map((one, i) => ({ label: one.name, stroke: colours[i % colours.length], width: 1.5, dash: i < colours.length ? [] : [5, 3], points: { show: moments.length < 3 }, paths: uPlot.paths.stepped({ align: -1 }), value: (_, value) => value == null ? '-' : `${count(value)}/s` })),
    ],
    hooks: {
      setSelect: [u => {
        if (u.select.width < 4) return;
        setView(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
        u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      }],
    },
  }, [moments, ...series.map(one => rates(one.totals)).map(([, ...rest]) => [rest[0], ...rest])], figure);
  plot.isTimeline = true;
  plot.setScale('x', { min: view[0], max: view[1] });
  plot.over.tabIndex = 0;
  plot.over.addEventListener('keydown', event => {
    if (zoomByKey(event)) return;
    const how = { ArrowLeft: 'left', ArrowRight: 'right' }[event.key];
    if (how) { event.preventDefault(); zoom(how); }
  });
  reachable(plot);
  return plot;
}

const statusColours = { completed: '--good', failed: '--bad', cancelled: '--doubt', active: '--c1', 'postcopy-active': '--c5', 'postcopy-paused': '--bad', 'postcopy-recover': '--c4', device: '--c2', setup: '--quiet', 'pre-switchover': '--c6', cancelling: '--c7' };
const barOf = bar => ({ from: bar.from / 1e6, to: bar.to / 1e6, kind: bar.kind, text: bar.text, colour: bar.kind === 'operation' ? '--text' : statusColours[bar.kind] ?? '--c3', thin: bar.kind === 'operation' });

function operationRows() {
  const bars = Map.groupBy(run.bars.map(bar => ({ lane: bar.lane, ...barOf(bar) })), bar => bar.lane);
  const kinds = seriesOf('operations').sort((a, b) => b.totals.at(-1) - a.totals.at(-1));
  const rows = kinds.map(one => ({ label: one.name, cells: rates(one.totals), bars: bars.get(one.name) }));
  const known = new Set(kinds.map(one => one.name));
  for (const [lane, own] of bars) if (!known.has(lane)) rows.push({ label: lane, bars: own });
  for (const [kind, marks] of Map.groupBy(run.marks, mark => mark.kind))
    rows.push({ label: `injected: ${kind}`, bars: marks.map(mark => ({ from: mark.at / 1e6, to: mark.at / 1e6, kind, text: mark.text, colour: '--bad' })) });
  const stood = seriesOf('bed')[0];
  if (stood) rows.push({ label: 'the bed stood still', cells: rates(stood.totals).map(value => value == null ? null : value / 1e6), colour: '--doubt' });
  const ended = document.getElementById('timeline').dataset.end;
  if (ended) rows.push({ label: 'found', bars: ended.split('\n').map(text => ({ from: wholeRun[1] - wholeRun[1] / 400, to: wholeRun[1], kind: 'found', text, colour: '--bad' })) });
  return rows;
}

function drawOperations(figure) {
  return new Lanes(figure, operationRows(), { value: value => `${count(value)}/s` });
}

function drawWaits(figure) {
  const rows = ['lock-waits', 'silo-waits'].flatMap((group, i) => seriesOf(group).sort((a, b) => b.totals.at(-1) - a.totals.at(-1))
    .map(one => ({ label: one.name, cells: rates(one.totals).map(value => value == null ? null : value / 1e6), colour: i === 0 ? '--c2' : '--c5' })));
  const most = Math.max(...rows.flatMap(row => row.cells.filter(value => value != null)), 1e-9);
  return new Lanes(figure, rows, { most, value: value => `${seconds(value)} of waiting a second` });
}

function drawFigure(figure) {
  const { chart, lines, lanes, latencies } = figure.dataset;
  if (chart !== undefined) return drawPair(figure);
  if (!run || moments.length < 2) return null;
  if (latencies !== undefined) return drawLatencies(figure);
  if (lines !== undefined) return seriesOf(lines).length > 0 ? drawLines(figure, lines) : null;
  if (lanes === 'operations') return drawOperations(figure);
  return seriesOf('lock-waits').length > 0 ? drawWaits(figure) : null;
}

// A chart is drawn when it can be seen first: one in a closed part costs nothing.
function drawIn(part) {
  for (const figure of part.querySelectorAll('figure[data-chart], figure[data-lines], figure[data-lanes], figure[data-latencies]')) {
    if (drawn.has(figure) || figure.closest('details:not([open])')) continue;
    const chart = drawFigure(figure);
    figure.hidden = chart === null;
    if (chart === null) continue;
    drawn.set(figure, chart);
    if (chart instanceof Lanes) chart.draw();
  }
}

// Colours and widths are those of the moment of drawing.
function drawAnew() {
  for (const [figure, chart] of drawn) {
    if (chart instanceof Lanes) chart.draw();
    else {
      chart.destroy();
      drawn.set(figure, drawFigure(figure));
    }
  }
}

drawIn(document);
document.querySelectorAll('details').forEach(details => details.addEventListener('toggle', () => drawIn(details)));
document.querySelectorAll('.tools').forEach(tools => {
  tools.hidden = false;
  tools.addEventListener('click', event => { if (event.target.dataset.zoom) zoom(event.target.dataset.zoom); });
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAnew);
let lastWidth = document.documentElement.clientWidth;
addEventListener('resize', () => {
  if (document.documentElement.clientWidth === lastWidth) return;
  lastWidth = document.documentElement.clientWidth;
  drawAnew();
});
