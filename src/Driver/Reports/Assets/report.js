// Draws each chart when its migration is first opened: a closed one costs nothing.
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function draw(figure) {
  const chart = JSON.parse(figure.dataset.chart);
  const axis = { stroke: style('--text'), grid: { stroke: style('--line') }, ticks: { stroke: style('--line') } };
  const line = (label, colour, dash) => ({ label, stroke: style(colour), width: 2, dash, points: { show: true, size: 6 }, spanGaps: true });
  new uPlot({
    width: figure.clientWidth,
    height: 200,
    scales: { x: { time: false }, y: { range: (_, least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [{ ...axis, label: chart.across, labelSize: 22, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] }, { ...axis, size: 60 }],
    series: [{ label: chart.across }, line('measured', '--measured'), line('model', '--predicted', [6, 4]), line('workload', '--forecast', [2, 3])],
  }, [chart.x, chart.measured, chart.model, chart.workload], figure);
}

function drawIn(part) {
  for (const figure of part.querySelectorAll('.chart:not(.drawn)')) {
    if (figure.closest('details:not([open])')) continue;
    figure.classList.add('drawn');
    draw(figure);
  }
}

drawIn(document);
document.querySelectorAll('details').forEach(details => details.addEventListener('toggle', () => drawIn(details)));
