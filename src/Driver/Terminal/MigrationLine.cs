namespace Livebed.Driver.Terminal;

/// <summary>A migration under way on one line, narrower than 70 columns for VMs with names of up to 16.</summary>
internal static class MigrationLine
{
    private const int NameMax = 16;

    public static string Of(MigrationProgress migration)
    {
        var name = migration.Vm.Length <= NameMax ? migration.Vm : migration.Vm[..(NameMax - 1)] + "…";
        var throttle = migration.CpuThrottlePercentage == 0 ? "" : FormattableString.Invariant($"  throttle {migration.CpuThrottlePercentage}%");
        return FormattableString.Invariant(
            $"{name} {migration.Source} > {migration.Destination}  {migration.Status}  rounds {migration.Rounds}  left {Figures.Bytes(migration.RemainingBytes)}{throttle}");
    }
}
