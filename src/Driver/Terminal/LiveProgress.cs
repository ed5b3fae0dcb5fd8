using System.Diagnostics;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Livebed.Driver.Terminal;

/// <summary>Progress on a terminal: one table, drawn in place, gone when the run ends (the report says more).</summary>
/// <param name="console">of the terminal</param>
/// <param name="title">a line above, of a run that is one of several; null for none</param>
internal sealed class LiveProgress(IAnsiConsole console, string? title = null) : IProgressView
{
    public Task<T> ShowAsync<T>(Func<IRunProgress, Task<T>> run) => console
        .Live(new Text(title ?? "starting"))
        .AutoClear(true)
        .Overflow(VerticalOverflow.Ellipsis)
        .StartAsync(context => run(new Screen(context, title)));

    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);

    private sealed class Screen(LiveDisplayContext context, string? title) : IRunProgress
    {
        private readonly Lock _gate = new();
        private string _phase = "starting";
        private string _step = "";
        private long _drawn;
        private ProgressSnapshot? _before;
        private ProgressSnapshot? _now;

        public void Phase(string what)
        {
            lock (_gate)
            {
                (_phase, _step) = (what, "");
                Draw();
            }
        }

        public void Step(int done, int total)
        {
            lock (_gate)
            {
                if (Stopwatch.GetElapsedTime(_drawn) < Redraw && done < total) return;
                _drawn = Stopwatch.GetTimestamp();
                _step = FormattableString.Invariant($"  {ProgressBar.Of((double)done / total)}  {done:N0} of {total:N0} VMs");
                Draw();
            }
        }

        public void Report(ProgressSnapshot snapshot)
        {
            lock (_gate)
            {
                // Figures begin anew after the warm-up.
                (_before, _now) = (snapshot.Elapsed < _now?.Elapsed ? null : _now, snapshot);
                Draw();
            }
        }

        private void Draw()
        {
            var table = ProgressTable.Create(_phase, _now, _before, _step);
            context.UpdateTarget(title is null ? table : new Rows(new IRenderable[] { new Text(title), table }));
        }
    }
}
