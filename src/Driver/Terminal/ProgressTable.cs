using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Livebed.Driver.Terminal;

/// <summary>
/// The live view of a run: the phase with a bar and the time left, operations, guest throughput, the share of the load that was delivered,
/// violations, faults, retries, the lock with most waiting, and a line for each migrating VM. Below is each operation of the campaign with
/// count, rate, p99 and the number that could not be started. Rates are those since the snapshot before. What matters most comes first, as
/// a low terminal cuts the end off.
/// </summary>
internal static class ProgressTable
{
    /// <summary>Migrations that are shown, so that the operations below them stay on the screen.</summary>
    private const int MigrationsMax = 4;

    /// <param name="phase">what the bed does</param>
    /// <param name="now">null before there are figures</param>
    /// <param name="before">null for none</param>
    /// <param name="step">how far that is, where it is no matter of time; empty where it is</param>
    public static IRenderable Create(string phase, ProgressSnapshot? now, ProgressSnapshot? before, string step = "")
    {
        if (now is null) return new Text(phase + step);
        var time = now.Elapsed - (before?.Elapsed ?? TimeSpan.Zero);
        var table = Tables.Create("operation", "done", "rate", "p99", "not started");
        foreach (var operation in now.Operations.Where(operation => operation.Done + operation.NotStarted > 0))
        {
            var done = before?.Operations.FirstOrDefault(other => other.Operation == operation.Operation)?.Done ?? 0;
            table.Row(
                operation.Operation, Figures.Count(operation.Done), Figures.Rate(operation.Done, done, time),
                Figures.Microseconds(operation.P99Microseconds), Figures.Count(operation.NotStarted));
        }

        var head = step.Length > 0 ? phase + step : $"{phase}  {ProgressBar.Of(now.Elapsed, now.Duration)}";
        var migrations = now.Migrations.Take(MigrationsMax).Select(migration => new Text(MigrationLine.Of(migration)));
        var violations = new Text(
            $"violations {Figures.Count(now.Violations)}",
            now.Violations > 0 ? new Style(Color.Red, decoration: Decoration.Bold) : Style.Plain);
        return new Rows(
            [new Text(head), new Text(Load(now, before, time)), new Text(Faults(now, before, time)), violations, .. migrations, table]);
    }

    private static string Load(ProgressSnapshot now, ProgressSnapshot? before, TimeSpan time) => string.Join("  ",
        $"operations {Figures.Rate(now.Done, before?.Done ?? 0, time)}",
        $"guest accesses {Figures.Rate(now.Accesses, before?.Accesses ?? 0, time)}",
        $"delivered {Delivered(now)}");

    private static string Faults(ProgressSnapshot now, ProgressSnapshot? before, TimeSpan time) => string.Join("  ",
        $"faults {Figures.Rate(now.Faults, before?.Faults ?? 0, time)}",
        $"retries {Figures.Count(now.FaultRetries)}",
        $"worst lock {WorstLock.Of(now, before)}");

    /// <summary>The part of the load, 0 to 1.</summary>
    internal static string Delivered(ProgressSnapshot now) => now.DeliveredShare.ToString("0.000", CultureInfo.InvariantCulture);
}

/// <summary>The lock class and mode for which operations waited most since the snapshot before, all of them together.</summary>
internal static class WorstLock
{
    public static string Of(ProgressSnapshot now, ProgressSnapshot? before)
    {
        var time = now.Elapsed - (before?.Elapsed ?? TimeSpan.Zero);
        var worst = now.LockWaits.Select(
            entry => (Name: entry.Key, Waited: entry.Value - (before?.LockWaits.GetValueOrDefault(entry.Key) ?? 0)))
            .OrderByDescending(one => one.Waited).FirstOrDefault();
        return worst.Waited <= 0 || time <= TimeSpan.Zero
            ? "none"
            : $"{worst.Name}, {Figures.Microseconds(worst.Waited / time.TotalSeconds)} of waiting a second";
    }
}

/// <summary>A migration under way on one line, narrower than 80 columns.</summary>
internal static class MigrationLine
{
    private const int NameMax = 9;

    public static string Of(MigrationProgress migration)
    {
        var name = migration.Vm.Length <= NameMax ? migration.Vm : migration.Vm[..(NameMax - 1)] + "…";
        var throttle = migration.CpuThrottlePercentage == 0 ? "" : FormattableString.Invariant($"  cpu-{migration.CpuThrottlePercentage}%");
        var left = FormattableString.Invariant($"round {migration.Rounds}  {Figures.Bytes(migration.RemainingBytes)} left");
        var downtime = migration.ExpectedDowntimeMicroseconds == 0
            ? ""
            : $"  down {Figures.Microseconds(migration.ExpectedDowntimeMicroseconds)}";
        return $"{name} {migration.Source}>{Number(migration.Destination)}  {migration.Status}  {left}{downtime}{throttle}";
    }

    /// <summary>"2" of "host-2".</summary>
    private static string Number(string host) => host[(host.LastIndexOf('-') + 1)..];
}
