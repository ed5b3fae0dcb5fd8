using Spectre.Console;

namespace Livebed.Driver.Terminal;

/// <summary>Progress on a terminal: one table, drawn in place, gone when the run ends (the report says more).</summary>
internal sealed class LiveProgress(IAnsiConsole console) : IProgressView
{
    public Task<T> ShowAsync<T>(Func<IRunProgress, Task<T>> run) => console
        .Live(new Text("starting"))
        .AutoClear(true)
        .Overflow(VerticalOverflow.Ellipsis)
        .StartAsync(context => run(new Screen(context)));

    private sealed class Screen(LiveDisplayContext context) : IRunProgress
    {
        private readonly Lock _gate = new();
        private string _phase = "starting";
        private ProgressSnapshot? _before;
        private ProgressSnapshot? _now;

        public void Phase(string what)
        {
            lock (_gate)
            {
                _phase = what;
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

        private void Draw() => context.UpdateTarget(ProgressTable.Create(_phase, _now, _before));
    }
}
