using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: asking whether a page was used, with or without mmu_lock, loses neither a write nor a zap (S6, S1). Ageing changes SPTEs in place
/// while a log round protects them, guests write through them, and reclaim takes one (kvm-protocol 2.5, 6.1).
/// </summary>
internal sealed class AgeingVsLogging : Scenario
{
    public override string Name => "ageing-vs-logging";
    public override string Claim => "ageing changes no SPTE that a log round or a zap changes at the same time";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Actor("kswapd").Age(0, 2).Age(0, 2).Reclaim(0);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
