using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: with manual protection no write is lost between get, which copies bits, and clear, which takes them and protects: a page cleared
/// before it is read is in the next log if it is written again (S6, S5). Guests write through TLB entries that clear must have flushed
/// (kvm-protocol 4.2, Q3, m12).
/// </summary>
internal sealed class DirtyLogClear : Scenario
{
    public override string Name => "dirty-log-clear";
    public override string Claim => "a page written after KVM_CLEAR_DIRTY_LOG is in the next log";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Manual };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(0).Write(0);
        plan.Vcpu().Write(1).Write(0);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
