using Livebed.Driver.Terminal;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Running;

/// <summary>A migration that is over, with its last figures.</summary>
/// <param name="Move">which VM, from where to where</param>
/// <param name="Info">its figures</param>
/// <param name="WasCancelled">the driver ordered its end, and got it; one that took too long and gave itself up was not</param>
/// <param name="ProgramMicroseconds">where the guest's program was when it began; null when nobody could say</param>
internal sealed record EndedMigration(VmMove Move, MigrationInfo Info, bool WasCancelled, long? ProgramMicroseconds = null)
{
    /// <summary>For the history.</summary>
    public override string ToString()
    {
        var status = Campaigns.OperationNames.OfEnum(Info.Status);
        var reason = Info.Reason.Length == 0 ? "" : $" ({Info.Reason})";
        return $"{Move.SourceKey} to {Move.Key}: {status}{reason}, {(Info.Rounds.Count == 1 ? "1 round" : $"{Info.Rounds.Count} rounds")}, downtime {Figures.Microseconds(Info.DowntimeMicroseconds)}";
    }
}
