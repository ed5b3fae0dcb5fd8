// What all charts share: colours, numbers, uPlot. Everything that a run wrote is set as text, never as markup.
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = () => [1, 2, 3, 4, 5, 6, 7, 8].map(i => style(`--c${i}`));
const isNarrow = () => document.documentElement.clientWidth < 640;

const scaled = (value, units, step) => {
  let power = 0;
  while (Math.abs(value) >= step * 0.9995 && power < units.length - 1) { value /= step; power++; }
  return (Math.abs(value) >= 99.95 ? value.toFixed(0) : String(+value.toFixed(value < 1 ? 2 : 1))) + units[power];
};
const count = value => value == null ? '-' : scaled(value, ['', 'k', 'M', 'G', 'T'], 1000);
const time = micros => micros == null ? '-' : scaled(micros, ['us', 'ms', 's', 'ks'], 1000);
const seconds = value => value == null ? '-' : time(value * 1e6);

const run = JSON.parse(document.getElementById('charts')?.textContent ?? 'null');
const moments = run ? run.micros.map(micros => micros / 1e6) : [];
const seriesOf = group => run ? run.series.filter(one => one.group === group) : [];

// From totals to what happened in the time before each moment, a second.
const rates = totals => totals.map((total, i) => i === 0 ? null : (total - totals[i - 1]) / Math.max(1e-3, moments[i] - moments[i - 1]));

function axis(extra) {
  return { stroke: style('--text'), grid: { stroke: style('--line'), width: 1 }, ticks: { stroke: style('--line'), width: 1 }, ...extra };
}

// A legend's entry shows and hides its line; a keyboard may do so too.
function reachable(plot) {
  plot.root.querySelectorAll('.u-legend .u-series th').forEach(head => {
    head.tabIndex = 0;
    head.setAttribute('role', 'button');
    head.addEventListener('keydown', event => {
      if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); head.click(); }
    });
  });
}

// Measured beside predicted: migrations, and the rounds of one.
function drawPair(figure) {
  const chart = JSON.parse(figure.dataset.chart);
  const line = (label, colour, dash) => ({ label, stroke: style(colour), width: 2, dash, points: { show: true, size: 6 }, spanGaps: true });
  const plot = new uPlot({
    width: figure.clientWidth,
    height: 200,
    scales: { x: { time: false }, y: { range: (_, least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [axis({ label: chart.across, labelSize: 22, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] }), axis({ size: 60 })],
    series: [{ label: chart.across }, line('measured', '--measured'), line('model', '--predicted', [6, 4]), line('workload', '--forecast', [2, 3])],
  }, [chart.x, chart.measured, chart.model, chart.workload], figure);
  reachable(plot);
  return plot;
}

// By percentile: 90, 99, 99.9 … are equally far apart, as rare as each is.
const percentiles = [0, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99, 99.995, 99.998, 99.999];
function drawLatencies(figure) {
  const colours = palette();
  const shown = [...run.latencies].filter(one => one.atPercentiles.length > 2)
    .sort((a, b) => b.atPercentiles.at(-1) - a.atPercentiles.at(-1));
  const first = new Set([...shown.slice(0, 6), ...shown.filter(one => one.name === 'fault')]);
  if (shown.length === 0) return null;
  const xs = percentiles.slice(0, Math.max(...shown.map(one => one.atPercentiles.length))).map(percentile => 1 / (1 - percentile / 100));
  const plot = new uPlot({
    width: figure.clientWidth,
    height: 300,
    scales: { x: { time: false, distr: 3 }, y: { distr: 3 } },
    axes: [
      axis({ label: 'percentile', labelSize: 22, splits: [1, 2, 10, 100, 1e3, 1e4, 1e5], values: (_, at) => at.map(x => ({ 1: '0', 2: '50', 10: '90', 100: '99', 1000: '99.9', 10000: '99.99', 100000: '99.999' })[Math.round(x)] ?? '') }),
      axis({ size: 60, values: (_, at) => at.map(value => Number.isInteger(Math.log10(value)) ? time(value) : '') }),
    ],
    series: [
      { label: 'percentile', value: (_, x) => x == null ? '-' : String(+(100 - 100 / x).toFixed(3)) },
      ...shown.map((one, i) => ({ label: one.name, show: first.has(one), stroke: colours[i % colours.length], width: 2, dash: i < colours.length ? [] : [5, 3], points: { show: false }, value: (_, value) => time(value) })),
    ],
  }, [xs, ...shown.map(one => xs.map((_, i) => i < one.atPercentiles.length ? Math.max(1, one.atPercentiles[i]) : null))], figure);
  reachable(plot);
  return plot;
}
