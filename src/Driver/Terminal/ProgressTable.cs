using Spectre.Console;
using Spectre.Console.Rendering;

namespace Livebed.Driver.Terminal;

/// <summary>
/// The live view of a run: the phase and its time, accesses, faults, retries and violations, and a line for each migrating VM. Below is
/// each operation of the campaign with count, rate, p99 and the number that could not be started. Rates are those since the snapshot
/// before. What matters most comes first, as a low terminal cuts the end off.
/// </summary>
internal static class ProgressTable
{
    /// <summary>Migrations that are shown, so that the operations below them stay on the screen.</summary>
    private const int MigrationsMax = 4;

    public static IRenderable Create(string phase, ProgressSnapshot? now, ProgressSnapshot? before)
    {
        if (now is null) return new Text(phase);
        var time = now.Elapsed - (before?.Elapsed ?? TimeSpan.Zero);
        var table = Tables.Create("operation", "done", "rate", "p99", "not started");
        foreach (var operation in now.Operations.Where(operation => operation.Done + operation.NotStarted > 0))
        {
            var done = before?.Operations.FirstOrDefault(other => other.Operation == operation.Operation)?.Done ?? 0;
            table.Row(
                operation.Operation, Figures.Count(operation.Done), Figures.Rate(operation.Done, done, time),
                Figures.Microseconds(operation.P99Microseconds), Figures.Count(operation.NotStarted));
        }

        var head = FormattableString.Invariant($"{phase}  {now.Elapsed.TotalSeconds:0.0}s of {now.Duration.TotalSeconds:0.#}s");
        var migrations = now.Migrations.Take(MigrationsMax).Select(migration => new Text(MigrationLine.Of(migration)));
        return new Rows([new Text(head), new Text(Totals(now, before, time)), .. migrations, table]);
    }

    private static string Totals(ProgressSnapshot now, ProgressSnapshot? before, TimeSpan time) => string.Join("  ",
        $"accesses {Figures.Rate(now.Accesses, before?.Accesses ?? 0, time)}",
        $"faults {Figures.Rate(now.Faults, before?.Faults ?? 0, time)}",
        $"retries {Figures.Count(now.FaultRetries)}",
        $"violations {Figures.Count(now.Violations)}");
}

/// <summary>A migration under way on one line, narrower than 80 columns.</summary>
internal static class MigrationLine
{
    private const int NameMax = 9;

    public static string Of(MigrationProgress migration)
    {
        var name = migration.Vm.Length <= NameMax ? migration.Vm : migration.Vm[..(NameMax - 1)] + "…";
        var throttle = migration.CpuThrottlePercentage == 0 ? "" : FormattableString.Invariant($"  cpu-{migration.CpuThrottlePercentage}%");
        var left = FormattableString.Invariant($"rounds {migration.Rounds}  {Figures.Bytes(migration.RemainingBytes)} left");
        return $"{name} {migration.Source}>{migration.Destination}  {migration.Status}  {left}{throttle}";
    }
}
