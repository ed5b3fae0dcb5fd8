using Livebed.Driver.Campaigns;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>Writes of KVM itself into guest RAM.</summary>
internal sealed class SoftwareWriteSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    public string Name => OperationNames.Of(OperationKind.SoftwareWrite);
    public double Rate => campaign.SoftwareWrites.Rate;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        if (fleet.Take(random, _ => true) is not { } slot) return null;
        var gfn = VmLayout.RamGfn + random.Next(slot.Settings.RamPages);
        var grain = slot.Grain;
        var key = slot.Key;
        return new PreparedOperation(
            OperationKind.SoftwareWrite, async op => OperationResult.Of(await grain.SoftwareWriteAsync(op, gfn.Value), $"{key} {gfn}"));
    }
}
