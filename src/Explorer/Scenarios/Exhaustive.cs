using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: two guests, two pages, two ranges and one memslot update do no harm in any interleaving (S1 to S5, S8, S9; S6 with log rounds). As small as a scene with all of
/// them can be, so that depth-first search gets through: one page of RAM, one of a memslot that is being created, a range over each, a guest on each.
/// </summary>
internal sealed class Exhaustive : Scenario
{
    public override string Name => "exhaustive";
    public override string Claim => "no interleaving of two guests, two ranges and a memslot update does harm";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds after the update", 0, 0, 2),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        var rounds = plan.Parameter("rounds");
        plan.Options = plan.Options with { RamPages = 1, HotplugPages = 1, DirtyLog = rounds > 0 ? DirtyLogMode.Bitmap : DirtyLogMode.None };
        if (rounds > 0)
        {
            plan.Before(stage => stage.TouchRamAsync());
            plan.Before(stage => stage.EnableLogAsync());
            plan.After(stage => stage.VerifyLogAsync());
        }

        plan.Vcpu().Write(0);
        plan.Vcpu().WritePlugged(0);
        plan.Actor("mm-0").DontNeed(0);
        plan.Actor("mm-1").OnPlugged(OperationKind.DontNeed);
        var user = plan.Actor("user").Plug();
        for (var round = 0; round < rounds; round++) user.LogRound();
    }
}
