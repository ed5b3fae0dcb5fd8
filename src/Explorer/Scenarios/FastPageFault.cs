using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: a fault that makes an SPTE writable without mmu_lock loses no write to a log round that protects it at the same time (S6). Every
/// page is mapped and write-protected, so that guests' writes take the fast path, and the log is read around it: mark after the cmpxchg,
/// never before (kvm-protocol 3.1).
/// </summary>
internal sealed class FastPageFault : Scenario
{
    public override string Name => "fast-page-fault";
    public override string Claim => "a lockless fast page fault and a log round lose no write between them";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(0);
        plan.Vcpu().Write(0).Write(1);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
