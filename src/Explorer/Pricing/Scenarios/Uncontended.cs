using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// One thread of the VMM changes memory that no memslot covers, one range after the other, and nothing else happens: what a semaphore, a
/// counter or an unconditional mmu_lock costs a lone notification.
/// </summary>
internal sealed class Uncontended : PricedScenario
{
    public override string Name => "uncontended";
    public override string Claim => "an uncontended rwsem costs next to nothing for a lone notification";

    public override string ClaimSource =>
        "Sean Christopherson, [PATCH 16/18] \"KVM: Don't take mmu_lock for range invalidation unless necessary\", "
        + "kvm list, 26 March 2021 (20210326021957.1424875-17-seanjc@google.com)";

    public override IReadOnlyList<string> Headlines =>
        [PricedResult.Notification, PricedResult.LocksOfNotification, PricedResult.EventMean];

    protected override IReadOnlyList<PricedParameter> Own => [new("pages", "pages of each range", 4, 1, 64)];

    protected override int DefaultMilliseconds => 2;
    protected override bool HasVcpus => false;

    protected override void Build(PricedScene scene)
    {
        var pages = (int)scene["pages"];
        var bed = scene.Make(1, options => options with { ScratchPages = pages });
        bed.World.Start("vmm", async () =>
        {
            while (true)
            {
                for (var page = 0; page < pages; page++) await bed.TouchAsync(VmLayout.ScratchHva + page);
                await bed.RunEventAsync(new HostEvent(HostEventKind.Spurious, 1, new HvaRange(VmLayout.ScratchHva, pages)));
            }
        });
    }
}
