using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: two guests, two pages, two ranges and one memslot update do no harm in any interleaving (S1 to S5, S8, S9; S6 with log rounds). As small as a scene with all of
/// them can be, so that depth-first search gets through: two pages of RAM that share no TLB line, a guest on each, one range after the other, and a memslot that is being created.
/// </summary>
internal sealed class Exhaustive : Scenario
{
    // The first page that shares no TLB line with page 0.
    private const int FarPage = 8;

    public override string Name => "exhaustive";
    public override string Claim => "no interleaving of two guests, two ranges and a memslot update does harm";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("accesses", "accesses of each vCPU", 1, 1, 4),
        new("rounds", "log rounds after the update", 0, 0, 2),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        var rounds = plan.Parameter("rounds");
        plan.Options = plan.Options with { RamPages = FarPage + 1, HotplugPages = 1, DirtyLog = rounds > 0 ? DirtyLogMode.Bitmap : DirtyLogMode.None };
        if (rounds > 0)
        {
            plan.Before(stage => stage.TouchRamAsync());
            plan.Before(stage => stage.EnableLogAsync());
            plan.After(stage => stage.VerifyLogAsync());
        }

        foreach (var page in (int[])[0, FarPage])
        {
            var vcpu = plan.Vcpu();
            for (var access = 0; access < plan.Parameter("accesses"); access++) vcpu.Write(page);
        }

        plan.Actor("mm").DontNeed(0).DontNeed(FarPage);
        var user = plan.Actor("user").Plug();
        for (var round = 0; round < rounds; round++) user.LogRound();
    }
}
