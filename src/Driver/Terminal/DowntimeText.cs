using Livebed.Driver.Results;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Terminal;

/// <summary>A downtime over its limit, in words: what each part of it took, the longest first.</summary>
internal static class DowntimeText
{
    /// <returns>null where it completed within its limit, or not at all</returns>
    public static string? Overrun(MigrationResult migration)
    {
        if (migration.Status != MigrationStatus.Completed || migration.Downtime <= migration.DowntimeLimit) return null;
        var parts = migration.DowntimeParts;
        var longestFirst = new (string Name, double Milliseconds)[]
        {
            ("the last pages", parts.PagesMilliseconds), ("the destination's take-over", parts.TakeOverMilliseconds),
            ("the final sync", parts.SyncMilliseconds), ("vCPU state", parts.StateMilliseconds),
        }.OrderByDescending(part => part.Milliseconds).Select(part => $"{part.Name} {Figures.Milliseconds(part.Milliseconds)}");
        return $"stood still for {Figures.Milliseconds(migration.Downtime)}, with a limit of "
            + $"{Figures.Milliseconds(migration.DowntimeLimit)}: {string.Join(", ", longestFirst)}";
    }
}
