using Livebed.Driver.Campaigns;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>Audits: a VM's SPTEs against its host's page table.</summary>
internal sealed class AuditSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    public string Name => OperationNames.Of(OperationKind.Audit);
    public double Rate => campaign.Audits.Rate;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        if (fleet.Take(random, _ => true) is not { } slot) return null;
        var grain = slot.Grain;
        var key = slot.Key;
        return new PreparedOperation(
            OperationKind.Audit, async op => OperationResult.Of(true, $"{key}: {await grain.AuditAsync(op)} SPTEs"));
    }
}
