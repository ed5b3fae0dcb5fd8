using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: no write is lost to a migration that reads the log with KVM_GET_DIRTY_LOG: what was written after a page's last copy is in the
/// log (S6, S5). Guests write while get clears bits, write-protects and flushes, and a memory event takes a page away and gives it back
/// (kvm-protocol 4.2).
/// </summary>
internal sealed class DirtyLogGet : Scenario
{
    public override string Name => "dirty-log-get";
    public override string Claim => "a page written after its last copy is in the log that get returns";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(0).Write(1);
        plan.Vcpu().Write(0);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.Actor("mm").DontNeed(1);
        plan.After(stage => stage.VerifyLogAsync());
    }
}
