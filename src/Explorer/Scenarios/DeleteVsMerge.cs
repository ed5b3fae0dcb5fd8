using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: KSM maps no merged page into a memslot that is being deleted (S8). Every plugged page has the same content; ksmd notes checksums
/// in its first pass and merges in its second, while the memslot goes, comes and goes (kvm-protocol 5 and 6.1; B6).
/// </summary>
internal sealed class DeleteVsMerge : Scenario
{
    private const int Pages = 4;

    public override string Name => "delete-vs-merge";
    public override string Claim => "a merged page is not mapped in a memslot that is being deleted";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { HotplugPages = Pages };
        plan.Before(stage => stage.PlugAsync());
        for (var page = 0; page < Pages; page++)
        {
            var gfn = VmLayout.HotplugGfn + page;
            plan.Before(async stage => await stage.Vm.Vm.SoftwareWriter.WriteAsync(
                stage.Bed.NewOperation(OperationKind.SoftwareWrite), 0, gfn, GuestVerbs.CommonContent));
        }

        plan.Vcpu().Read(0);
        plan.Actor("ksmd").KsmScan(Pages + 2).KsmScan(2 * (Pages + 2));
        plan.Actor("user").Unplug().Plug().Unplug();
    }
}
