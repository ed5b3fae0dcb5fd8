using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: no ring entry is overwritten, and no write is lost between an entry's harvest, its reset and the page's copy (S7, S6). The rings
/// are as small as can be, so that vCPUs leave with theirs full and reap while the migration's own rounds harvest and reset (kvm-protocol
/// 4.3).
/// </summary>
internal sealed class DirtyRingFull : Scenario
{
    public override string Name => "dirty-ring";
    public override string Claim => "a full ring loses no entry, and a reset page is caught when it is written again";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("room", "entries of a ring before its vCPU must leave", 1, 1, 8),
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        var entries = DirtyRing.Reserved + plan.Parameter("room");
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Ring, RingEntries = entries };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Vcpu().Write(0).Write(0);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
