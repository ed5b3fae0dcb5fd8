namespace Livebed.Driver.Terminal;

/// <summary>Progress where there is no terminal: a line for each phase, and figures every few seconds of the run, with a line below
/// them for each migration under way.</summary>
/// <param name="output">where the lines go</param>
/// <param name="time">the clock; only tests have another than the system's</param>
internal sealed class PlainProgress(TextWriter output, TimeProvider? time = null) : IProgressView
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>Migrations under way that get a line of their own.</summary>
    private const int MigrationsMax = 4;

    public Task<T> ShowAsync<T>(Func<IRunProgress, Task<T>> run) => run(new Lines(output, time ?? TimeProvider.System));

    /// <summary>Figures, in lines that are narrower than 80 columns.</summary>
    public static IEnumerable<string> LinesOf(ProgressSnapshot now, ProgressSnapshot? before)
    {
        var time = now.Elapsed - (before?.Elapsed ?? TimeSpan.Zero);
        var elapsed = FormattableString.Invariant($"{now.Elapsed.TotalSeconds,6:0.0}s");
        var left = FormattableString.Invariant($"{Math.Max(0, (now.Duration - now.Elapsed).TotalSeconds),6:0}s");
        var operations = Figures.Rate(now.Done, before?.Done ?? 0, time);
        var accesses = Figures.Rate(now.Accesses, before?.Accesses ?? 0, time);
        var faults = Figures.Rate(now.Faults, before?.Faults ?? 0, time);
        var (retries, violations) = (Figures.Count(now.FaultRetries), Figures.Count(now.Violations));
        yield return $"{elapsed}  ops {operations}  guests {accesses}  faults {faults}  retries {retries}  violations {violations}";
        var notStarted = Figures.Count(now.Operations.Sum(operation => operation.NotStarted));
        yield return $"{left} left  delivered {ProgressTable.Delivered(now)}  not started {notStarted}";
        yield return $"         worst lock {WorstLock.Of(now, before)}";
    }

    private sealed class Lines(TextWriter output, TimeProvider time) : IRunProgress
    {
        private readonly Lock _gate = new();
        private ProgressSnapshot? _printed;
        private long _said;

        public void Phase(string what)
        {
            lock (_gate)
            {
                output.WriteLine(what);
                _said = time.GetTimestamp();
                _printed = null;
            }
        }

        public void Step(int done, int total)
        {
            lock (_gate)
            {
                if (time.GetElapsedTime(_said) < Interval) return;
                _said = time.GetTimestamp();
                output.WriteLine(FormattableString.Invariant($"  {done:N0} of {total:N0} VMs"));
            }
        }

        public void Report(ProgressSnapshot snapshot)
        {
            lock (_gate)
            {
                if (snapshot.Elapsed - (_printed?.Elapsed ?? TimeSpan.Zero) < Interval) return;
                foreach (var line in LinesOf(snapshot, _printed)) output.WriteLine(line);
                foreach (var migration in snapshot.Migrations.Take(MigrationsMax)) output.WriteLine("  " + MigrationLine.Of(migration));
                _printed = snapshot;
            }
        }
    }
}
