using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: on a CPU without accessed bits, ageing takes SPTEs out of the hardware's sight without a flush, and a log that is switched on
/// then still sees every write through TLB entries made before (S6). Enabling therefore flushes whether or not it changed an SPTE
/// (kvm-protocol 1.4, 4.2, B9).
/// </summary>
internal sealed class AgeingWithoutAccessedBits : Scenario
{
    public override string Name => "ageing-without-accessed-bits";
    public override string Claim => "a log switched on after access tracking sees writes through old TLB entries";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap, HasAccessedBits = false };
        plan.Before(stage => stage.TouchRamAsync());
        // Ageing by turns flushes, does not, and only asks: the next does not.
        plan.Before(
            async stage =>
                await stage.Bed.RunEventAsync(stage.Bed.NewOperation(OperationKind.Ageing), stage.Vm.AddressSpaceId, VmLayout.RamHva, 2));
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Actor("kswapd").Age(0, 2);
        plan.Actor("user").EnableLog().LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
