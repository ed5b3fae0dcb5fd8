namespace Livebed.Driver.Terminal;

/// <summary>Progress where there is no terminal: a line for each phase, and one of figures every few seconds of the run, with one below it
/// for each migration under way.</summary>
internal sealed class PlainProgress(TextWriter output) : IProgressView
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>Migrations under way that get a line of their own.</summary>
    private const int MigrationsMax = 4;

    public Task<T> ShowAsync<T>(Func<IRunProgress, Task<T>> run) => run(new Lines(output));

    /// <summary>One line of figures, narrower than 80 columns.</summary>
    public static string Line(ProgressSnapshot now, ProgressSnapshot? before)
    {
        var time = now.Elapsed - (before?.Elapsed ?? TimeSpan.Zero);
        var operations = Figures.Rate(Done(now), before is null ? 0 : Done(before), time);
        var notStarted = Figures.Count(now.Operations.Sum(operation => operation.NotStarted));
        var faults = Figures.Rate(now.Faults, before?.Faults ?? 0, time);
        var elapsed = FormattableString.Invariant($"{now.Elapsed.TotalSeconds,6:0.0}s");
        var (retries, violations) = (Figures.Count(now.FaultRetries), Figures.Count(now.Violations));
        return $"{elapsed}  faults {faults}  retries {retries}  ops {operations}  not started {notStarted}  violations {violations}";
    }

    private static long Done(ProgressSnapshot snapshot) => snapshot.Operations.Sum(operation => operation.Done);

    private sealed class Lines(TextWriter output) : IRunProgress
    {
        private readonly Lock _gate = new();
        private ProgressSnapshot? _printed;

        public void Phase(string what)
        {
            lock (_gate)
            {
                output.WriteLine(what);
                _printed = null;
            }
        }

        public void Report(ProgressSnapshot snapshot)
        {
            lock (_gate)
            {
                if (snapshot.Elapsed - (_printed?.Elapsed ?? TimeSpan.Zero) < Interval) return;
                output.WriteLine(Line(snapshot, _printed));
                foreach (var migration in snapshot.Migrations.Take(MigrationsMax)) output.WriteLine("  " + MigrationLine.Of(migration));
                _printed = snapshot;
            }
        }
    }
}
