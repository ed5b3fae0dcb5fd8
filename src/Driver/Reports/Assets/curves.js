// Curves of designs over vCPUs or shares: evenly apart as they were asked for, which is by powers.
const nanos = value => value == null ? '-' : Math.abs(value) < 999.5 ? `${+value.toFixed(1)}ns` : time(value / 1000);
const unitOf = unit => unit === 'ns' ? nanos : unit === '%' ? value => value == null ? '-' : `${+value.toFixed(2)}%` : count;

function drawCurves(figure) {
  const chart = JSON.parse(figure.dataset.curves);
  const [colours, text] = [palette(), unitOf(chart.unit)];
  const places = chart.x.map((_, i) => i);
  const values = chart.curves.flatMap(curve => curve.values);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const isWide = least > 0 && most > 20 * least;
  const plot = new uPlot({
    width: figure.clientWidth,
    height: 260,
    scales: { x: { time: false, range: [-0.2, places.length - 0.8] }, y: isWide ? { distr: 3 } : { range: [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      axis({ label: chart.across, labelSize: 22, splits: places, values: (_, at) => at.map(i => String(chart.x[i] ?? '')) }),
      axis({ size: 64, values: (_, at) => at.map(value => isWide && !Number.isInteger(Math.log10(value)) ? '' : text(value)) }),
    ],
    series: [
      { label: chart.across, value: (_, i) => i == null ? '-' : String(chart.x[i]) },
      ...chart.curves.map((curve, i) => ({ label: curve.name, stroke: colours[i % colours.length], width: 2, dash: [[], [6, 4], [2, 3], [8, 3, 2, 3]][i % 4], points: { show: true, size: 6 }, value: (_, value) => text(value) })),
    ],
  }, [places, ...chart.curves.map(curve => curve.values)], figure);
  reachable(plot);
  return plot;
}

const curves = new Map();
function drawAllCurves() {
  for (const figure of document.querySelectorAll('figure[data-curves]')) {
    curves.get(figure)?.destroy();
    curves.set(figure, drawCurves(figure));
  }
}

drawAllCurves();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAllCurves);
let widthBefore = document.documentElement.clientWidth;
addEventListener('resize', () => {
  if (document.documentElement.clientWidth === widthBefore) return;
  widthBefore = document.documentElement.clientWidth;
  drawAllCurves();
});
