namespace Livebed.Driver.Terminal;

/// <summary>A migration under way on one line, narrower than 80 columns.</summary>
internal static class MigrationLine
{
    private const int NameMax = 9;

    public static string Of(MigrationProgress migration)
    {
        var name = migration.Vm.Length <= NameMax ? migration.Vm : migration.Vm[..(NameMax - 1)] + "…";
        var throttle = migration.CpuThrottlePercentage == 0 ? "" : FormattableString.Invariant($"  cpu-{migration.CpuThrottlePercentage}%");
        return FormattableString.Invariant(
            $"{name} {migration.Source}>{migration.Destination}  {migration.Status}  rounds {migration.Rounds}  {Figures.Bytes(migration.RemainingBytes)} left{throttle}");
    }
}
