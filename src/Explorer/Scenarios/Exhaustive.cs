using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: two guests, two pages, two ranges and one memslot update do no harm in any interleaving (S1 to S5, S8, S9; S6 with log rounds).
/// As small as a scene with all of them can be, so that depth-first search gets through: one page of RAM, one of a memslot that comes or
/// goes, a range over each, a guest on each. The parameters are variants in which mutants of other invariants can show.
/// </summary>
internal sealed class Exhaustive : Scenario
{
    public override string Name => "exhaustive";
    public override string Claim => "no interleaving of two guests, two ranges and a memslot update does harm";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FaultRetried, ReachedCase.PublishMetRange];

    public override bool HasSurroundings => false;

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("mm-tasks", "tasks that make the two ranges: one after the other, or at once", 1, 1, 2),
        new("deletes", "1: the update deletes the memslot, which is there and mapped, instead of creating it", 0, 0, 1),
        new("refuses", "1: the second range may not block, and a driver beside the VM refuses it", 0, 0, 1),
        new("rounds", "log rounds after the update", 0, 0, 2),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        var rounds = plan.Parameter("rounds");
        var deletes = plan.Parameter("deletes") == 1;
        var refuses = plan.Parameter("refuses") == 1;
        plan.Options = plan.Options with
        {
            RamPages = 1,
            HotplugPages = 1,
            DirtyLog = rounds > 0 ? DirtyLogMode.Bitmap : DirtyLogMode.None,
            HasRefusingDriver = refuses,
        };
        if (rounds > 0)
        {
            plan.Before(stage => stage.TouchRamAsync());
            plan.Before(stage => stage.EnableLogAsync());
            plan.After(stage => stage.VerifyLogAsync());
        }

        if (deletes)
        {
            plan.Before(stage => stage.PlugAsync());
            plan.Before(async stage => await stage.Vm.TouchAsync(VmLayout.HotplugGfn, write: true));
        }

        plan.Vcpu().Write(0);
        plan.Vcpu().WritePlugged(0);
        var first = plan.Actor("mm-0").DontNeed(0);
        var second = plan.Parameter("mm-tasks") == 1 ? first : plan.Actor("mm-1");
        second.OnPlugged(refuses ? HostEventKind.OomReap : HostEventKind.DontNeed);
        var user = plan.Actor("user");
        if (deletes) user.Unplug();
        else user.Plug();
        for (var round = 0; round < rounds; round++) user.LogRound();
    }
}
