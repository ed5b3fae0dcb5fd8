using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: what the host does to the pages of a memslot that is being deleted neither misses their SPTEs nor outlives the memslot (S8, S1).
/// Both pages are mapped; the host ages and takes them while the memslot goes, and a guest elsewhere is a reader for the update to wait for
/// (kvm-protocol 5, DELETE; B3, B35).
/// </summary>
internal sealed class DeleteVsHost : Scenario
{
    public override string Name => "delete-vs-host";
    public override string Claim => "ranges and ageing over a memslot that is being deleted see it whole or not at all";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Before(stage => stage.PlugAsync());
        foreach (var page in (int[])[0, 1]) plan.Before(async stage => await stage.Vm.TouchAsync(VmLayout.HotplugGfn + page, write: true));
        plan.Vcpu().Write(0);
        plan.Actor("user").Unplug();
        plan.Actor("mm").OnPlugged(OperationKind.DontNeed, 0, 2);
        plan.Actor("kswapd").OnPlugged(OperationKind.Ageing, 0, 2).OnPlugged(OperationKind.Reclaim, 0, 2);
    }
}
