using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>
/// How a destination finds out that its source's machine is dead, as in the cluster: it asks now and then whether the migration still goes
/// on there, and who answers for a dead machine says no.
/// </summary>
internal static class SourceWatch
{
    private const long PeriodMicroseconds = 40;

    /// <summary>Until the migration needs its source no more.</summary>
    /// <param name="bed">the bed</param>
    /// <param name="vm">the VM as the inventory calls it</param>
    /// <param name="source">the machine that is asked</param>
    /// <param name="incoming">the destination's side</param>
    /// <param name="migrates">what the source says when it lives</param>
    public static async ValueTask RunAsync(Bed bed, string vm, Machine source, IncomingMigration incoming, Func<bool> migrates)
    {
        while (incoming.NeedsSource)
        {
            await bed.World.DelayAsync(PeriodMicroseconds);
            var op = bed.NewOperation(OperationKind.MigrationIncoming);
            if (!incoming.NeedsSource
                || await source.CallAsync(op, "is asked whether it migrates", false, _ => ValueTask.FromResult(migrates())))
                continue;
            await incoming.SourceGoneAsync(op);
            if (incoming.IsGuestLost) bed.World.RunsSomewhere.Lost(vm);
        }
    }
}
