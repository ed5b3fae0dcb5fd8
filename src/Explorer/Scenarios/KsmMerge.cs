using Livebed.Explorer.Beds;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: no vCPU writes a page that KSM has merged: the page is copied first, and the log has the write (S10, S12, S1, S6). The daemon
/// write-protects, compares and replaces two pages of equal content while guests read and write them and a migration reads the log
/// (kvm-protocol 6.1 and 2.7, I10).
/// </summary>
internal sealed class KsmMerge : Scenario
{
    public override string Name => "ksm-merge";
    public override string Claim => "a merged page is not written through any SPTE, and a write that unshares it is logged";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        foreach (var page in (int[])[0, 1])
            plan.Before(async stage => await stage.Vm.Vm.SoftwareWriter.WriteAsync(
                stage.Bed.NewOperation(OperationKind.SoftwareWrite), 0, BedVm.RamGfn(page), GuestVerbs.CommonContent));
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Read(0).Write(0).Read(1);
        plan.Vcpu().Read(1).WriteCommon(1).Write(1);
        plan.Actor("ksmd").KsmScan(6);
        plan.Actor("user").LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
