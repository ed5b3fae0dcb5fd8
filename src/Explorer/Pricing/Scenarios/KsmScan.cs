using Livebed.Explorer.Pricing.Worlds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// ksmd looks at the guest's pages, one after the other, and merges those of equal content: two ranges for each page that it merges, while
/// vCPUs fault beside it.
/// </summary>
internal sealed class KsmScan : PricedScenario
{
    public override string Name => "ksm-scan";

    public override string Claim => "each page that KSM merges costs two notifications, and these hit guest memory";

    public override string ClaimSource =>
        "write_protect_page and replace_page of mm/ksm.c; a guest frozen from 1 to over 60 s under KSM and NUMA balancing, reported by "
        + "Proxmox, kvm list, January 2024";

    public override IReadOnlyList<string> Headlines => [PricedResult.FaultMean, PricedResult.Guest, PricedResult.Work];

    protected override IReadOnlyList<PricedParameter> Own =>
    [
        new("faults", "faults of each vCPU in a second of its guest's work", 2_000, 1, 1_000_000),
        GuestLoad.Ram,
        new("scan", "pages_to_scan: pages that ksmd looks at before it sleeps", 1_000, 1, 10_000),
        new("sleep", "sleep_millisecs: how long it sleeps, in milliseconds", 1, 0, 1_000),
        .. VmmLoad.Quiet,
    ];

    protected override long RamPagesPerVcpu(Func<string, double> value) => GuestLoad.PagesPerVcpu(value);

    protected override void Build(PricedScene scene)
    {
        var bed = GuestLoad.Start(
            scene, 1 + (int)scene["threads"], options => options with { IsMergeable = true });
        bed.World.Start("ksmd", async () =>
        {
            while (true)
            {
                var scanned = await bed.Host.RunEventAsync(
                    bed.NewOperation(HostEventKind.KsmScan),
                    new HostEvent(HostEventKind.KsmScan, 1, new HvaRange(VmLayout.RamHva, (long)scene["scan"])));
                scene.WorkDone += scanned.Pages;
                // The checksum of each page, which the model takes in no time.
                bed.World.Charge(Price.PageCompare, Account.Work, scanned.Pages);
                await bed.World.PauseAsync(Math.Max(1_000, (long)scene["sleep"] * 1_000_000));
            }
        });
    }
}
