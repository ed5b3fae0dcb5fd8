using Livebed.Driver.Campaigns;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>ksmd: scans of every host.</summary>
internal sealed class KsmScanSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    private readonly int[] _scanning = new int[fleet.Hosts.Count];

    public string Name => OperationNames.Of(OperationKind.KsmScan);
    public double Rate => campaign.Ksm.Rate * campaign.Silos;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        // ksmd is one thread: a host that still scans is not asked again.
        var index = random.Next(fleet.Hosts.Count);
        if (Interlocked.Exchange(ref _scanning[index], 1) != 0) return null;
        var host = fleet.Hosts[index];
        var scan = new HostEvent(OperationKind.KsmScan, 0, new HvaRange(default, campaign.Ksm.PagesPerScan));
        return new PreparedOperation(OperationKind.KsmScan, async op =>
        {
            var result = await host.RunEventAsync(op, scan);
            return OperationResult.Of(true, $"{result.Pages} pages");
        }, () => Volatile.Write(ref _scanning[index], 0));
    }
}
