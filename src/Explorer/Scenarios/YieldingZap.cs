using Livebed.Explorer.Beds;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: a zap that yields mmu_lock between two page-table pages has announced its range before and flushes what it zapped before any page
/// is freed (S2, S5, S1). The range covers a table page that is mapped and one that is not, so that a yield can be its last act, while
/// reclaim and guests' faults contend for the lock (kvm-protocol 2.7, I6).
/// </summary>
internal sealed class YieldingZap : Scenario
{
    public override string Name => "yielding-zap";
    public override string Claim => "a zap that yields mmu_lock keeps its range closed and its flush pending";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { RamPages = 8 };
        foreach (var page in (int[])[0, 2, 6, 7]) plan.Before(async stage => await stage.Vm.TouchAsync(BedVm.RamGfn(page), write: true));
        // Its table page stays, with nothing in it.
        plan.Before(
            async stage =>
                await stage.Bed.RunEventAsync(stage.Bed.NewOperation(OperationKind.DontNeed), stage.Vm.AddressSpaceId, BedVm.RamHva(2), 1));
        plan.Vcpu().Write(0).Write(4);
        plan.Vcpu().Write(1).Write(5);
        plan.Actor("mm").DontNeed(0, 4);
        plan.Actor("kswapd").Reclaim(6).Reclaim(7);
    }
}
